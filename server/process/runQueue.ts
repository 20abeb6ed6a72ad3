/** The requests that wait for the inference process and those that are with it, and which may be sent next. */
import type { SharedRun } from './sharedRun.js';

/** Requests of one priority and above that are with the child at a time: a full batch. Twice as many gain 2 % and cost 26 MB. */
const inFlightLimit = 16;

export class RunQueue {
  #waiting: SharedRun[] = [];
  readonly #sent = new Set<SharedRun>();

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#sent.size === 0;
  }

  find(key: string): SharedRun | undefined {
    return [...this.#sent, ...this.#waiting].find((run) => run.key === key);
  }

  isSent(run: SharedRun): boolean {
    return this.#sent.has(run);
  }

  add(run: SharedRun): void {
    this.#waiting.push(run);
  }

  /** The next run, which counts as sent from now on; undefined if none may be sent. */
  send(): SharedRun | undefined {
    this.#waiting.sort((a, b) => a.priority - b.priority || b.crashes - a.crashes);
    const [next] = this.#waiting;
    if (!next || !this.#maySend(next)) return undefined;
    this.#waiting.shift();
    this.#sent.add(next);
    return next;
  }

  remove(run: SharedRun): void {
    this.#waiting = this.#waiting.filter((other) => other !== run);
    this.#sent.delete(run);
  }

  /** Removes those that are sent. */
  takeSent(): readonly SharedRun[] {
    const runs = [...this.#sent];
    this.#sent.clear();
    return runs;
  }

  /** Removes all. */
  takeAll(): readonly SharedRun[] {
    const runs = [...this.takeSent(), ...this.#waiting];
    this.#waiting = [];
    return runs;
  }

  /** After a crash the suspects go one by one, so that only the guilty one is blamed. */
  #maySend(run: SharedRun): boolean {
    const sent = [...this.#sent];
    if (run.crashes > 0 || sent.some(({ crashes }) => crashes > 0)) return sent.length === 0;
    return sent.filter(({ priority }) => priority <= run.priority).length < inFlightLimit;
  }
}
