/**
 * A trial of an execution provider in a process of its own: a driver may hang, and with it the thread that called it,
 * or end the process without a word. Either is a result like any other.
 */
import { EventEmitter } from 'node:events';
import { CaptionError, fromResponseError } from '@clipcap/protocol/error';
import { trialRuns, tryProvider } from '@clipcap/protocol/inference';
import type { Provider, TrialResult } from '@clipcap/protocol/provider';
import { Child } from './child.js';

/** Longer than any working provider was seen to need for its runs, first compilation of its kernels included. */
const trialLimit = 120_000;
/** For each of the other parts, whose fault is not the provider's: reading the pack, and the CPU's runs. */
const otherLimit = 600_000;

/**
 * Tries `provider` with the pack in the folder `model`.
 *
 * @param entry the inference process's script
 * @param signal ends the trial
 * @param limitMilliseconds for the provider; what the pack's hashes and the CPU take does not count
 * @throws CaptionError what is wrong with the pack, `inference-failed` if anything but the provider hangs, or `cancelled`
 */
export async function runTrial(
  entry: string,
  model: string,
  provider: Provider,
  signal: AbortSignal,
  limitMilliseconds = trialLimit,
): Promise<TrialResult> {
  const hints: string[] = [];
  const events = new EventEmitter();
  const child = new Child(entry, {
    log: (_, line) => hints.push(...missingLibrary(line)),
    modelState: () => undefined,
    ended: (reason) => events.emit('ended', `it ended the process that tried it (${reason})`),
  });
  const death = new Promise<TrialResult>((resolve) => {
    events.once('ended', (reason: string) => resolve({ outcome: 'refused', reason }));
  });
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<TrialResult>((resolve, reject) => {
    const reason = `it had not answered after ${limitMilliseconds / 1000} seconds`;
    const refuse = (): void => resolve({ outcome: 'refused', reason });
    const giveUp = (): void => reject(new CaptionError('inference-failed', `The trial of ${provider} did not end.`));
    timer = setTimeout(giveUp, otherLimit);
    child.connection.onNotification(trialRuns, (on) => {
      clearTimeout(timer);
      timer = on === provider ? setTimeout(refuse, limitMilliseconds) : setTimeout(giveUp, otherLimit);
    });
  });
  const abort = new Promise<never>((_, reject) => {
    const cancel = (): void => reject(new CaptionError('cancelled', `The trial of ${provider} was cancelled.`));
    if (signal.aborted) cancel();
    signal.addEventListener('abort', cancel, { once: true });
  });
  const answer = child.connection.sendRequest(tryProvider, { model, provider }).catch((error: unknown) => {
    // The end of a process shows as a broken connection first.
    if (child.alive) throw fromResponseError(error);
    return death;
  });
  try {
    const result = await Promise.race([answer, death, hang, abort]);
    return result.outcome === 'refused' ? { ...result, reason: withHint(result.reason, hints) } : result;
  } finally {
    clearTimeout(timer);
    await child.end();
    await answer.catch(() => undefined);
  }
}

/** Native code says on stderr which library it could not load, which its exception does not. */
function missingLibrary(line: string): string[] {
  const found = /\b(lib[\w.+-]+\.so[\w.]*|[\w-]+\.dll)\b.*(?:cannot open|not found|could not be)/iu.exec(line);
  return found?.[1] === undefined ? [] : [found[1]];
}

function withHint(reason: string, [library]: readonly string[]): string {
  return library === undefined || reason.includes(library) ? reason : `${reason} (${library} could not be loaded)`;
}
