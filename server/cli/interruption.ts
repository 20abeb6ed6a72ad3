/** What ends a command before its time, and what the user then sees. */

/** 128 + SIGINT, as shells say it. */
export const interruptedExitCode = 130;

/** Ctrl+C, what `kill` sends, and the end of the terminal or of the connection to it. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Calls `stop` when the user ends the program, or when the editor that forked it closes their channel: not every system
 * can send a signal. Returns what ends listening, and with it the channel.
 */
export function onInterruption(stop: () => void): () => void {
  for (const signal of signals) process.on(signal, stop);
  // A channel that is closed by now was closed while the program started.
  if (process.connected) process.on('disconnect', stop);
  else if (process.send) stop();
  return () => {
    for (const signal of signals) process.off(signal, stop);
    process.off('disconnect', stop);
    if (process.connected) process.disconnect();
  };
}
