/** Asking again, a bounded number of times, later and later, and never before the server allows it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CaptionError } from '@clipcap/protocol/error';
import { PassingError, cancelled } from './errors.js';

export interface Patience {
  /** Attempts in a row that may fail without having moved anything. */
  readonly attempts: number;
  readonly wait: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
  /** In 0…1. */
  readonly random: () => number;
}

export const ordinaryPatience: Patience = {
  attempts: 5,
  wait: (milliseconds, signal) => sleep(milliseconds, undefined, signal && { signal }),
  random: Math.random,
};

const firstDelay = 1000;
/** Nobody watches a download that stands still for longer. */
const longestWait = 120_000;

/**
 * @param attempt tells by its argument that it got further than those before it
 * @throws CaptionError `download-failed` when patience ends, `cancelled`, or what the attempt says
 */
export async function withRetries<Result>(
  what: string,
  attempt: (progressed: () => void) => Promise<Result>,
  patience: Patience,
  signal?: AbortSignal,
): Promise<Result> {
  const ended = (): boolean => signal?.aborted ?? false;
  for (let failures = 0; ;) {
    if (ended()) throw cancelled();
    try {
      return await attempt(() => (failures = 0));
    } catch (cause) {
      if (ended()) throw cancelled();
      if (!(cause instanceof PassingError)) throw cause;
      failures++;
      const delay = cause.retryAfter ?? firstDelay * 2 ** (failures - 1);
      if (failures >= patience.attempts || delay > longestWait) throw givenUp(what, cause, delay);
      // Spread, so that many who were turned away together do not come back together.
      await patience.wait(delay * (1 + patience.random() / 2), signal).catch(() => undefined);
    }
  }
}

function givenUp(what: string, cause: PassingError, delay: number): CaptionError {
  const when = delay > longestWait ? `in ${Math.ceil(delay / 60_000)} minutes` : 'later';
  const message = `${what} could not be downloaded (${cause.message}). Ask again ${when}; what has arrived is kept.`;
  return new CaptionError('download-failed', message, { cause });
}
