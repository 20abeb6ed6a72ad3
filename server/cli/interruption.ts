/** What ends a command before its time, and what the user then sees. */

/** 128 + SIGINT, as shells say it. */
export const interruptedExitCode = 130;

/**
 * Calls `stop` when the user ends the program (Ctrl+C, SIGTERM), or when the editor that forked it closes their channel:
 * not every system can send a signal. Returns what ends listening, and with it the channel.
 */
export function onInterruption(stop: () => void): () => void {
  process.on('SIGINT', stop).on('SIGTERM', stop);
  // A channel that is closed by now was closed while the program started.
  if (process.connected) process.on('disconnect', stop);
  else if (process.send) stop();
  return () => {
    process.off('SIGINT', stop).off('SIGTERM', stop).off('disconnect', stop);
    if (process.connected) process.disconnect();
  };
}
