/** An inference process for one step of a command. It ends with the step, and the next one has its memory. */
import type { MessageConnection } from 'vscode-jsonrpc';
import { CaptionError, fromResponseError } from '@clipcap/protocol/error';
import { Child } from '../process/child.js';

export interface Step {
  /** The inference process's script. */
  readonly entry: string;
  readonly signal: AbortSignal;
  /** What it does, after “while it”. */
  readonly doing: string;
  /** What to do if the process ends before that, a sentence. */
  readonly remedy: string;
}

/** @throws CaptionError `cancelled`, `inference-crashed`, or what `use` throws */
export async function inOwnProcess<T>(
  { entry, signal, doing, remedy }: Step,
  use: (connection: MessageConnection) => Promise<T>,
): Promise<T> {
  let ended = 'it could not be asked';
  const events = { log: () => undefined, modelState: () => undefined, ended: (reason: string) => (ended = reason) };
  const child = new Child(entry, events);
  const stop = (): void => void child.end();
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  try {
    return await use(child.connection);
  } catch (cause) {
    if (signal.aborted) throw new CaptionError('cancelled', `It was cancelled while the inference process ${doing}.`);
    if (child.alive || cause instanceof CaptionError) throw fromResponseError(cause);
    const message = `The inference process ended while it ${doing} (${ended}). ${remedy}`;
    throw new CaptionError('inference-crashed', message, { cause });
  } finally {
    signal.removeEventListener('abort', stop);
    await child.end();
  }
}
