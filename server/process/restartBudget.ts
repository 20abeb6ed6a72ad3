/** How often a process that dies is started again before it is left alone. */

const restarts = 4;
const windowMilliseconds = 3 * 60_000;
/** Requests that kill the process twice, one after the other: after this many it is the process that is broken. */
const guiltyInARow = 8;

export class RestartBudget {
  #spent: number[] = [];
  #guilty = 0;

  /** Spends one restart, and answers its number; undefined if there is none left: at most 4 in 3 minutes. */
  spend(): number | undefined {
    const now = performance.now();
    this.#spent = this.#spent.filter((time) => now - time < windowMilliseconds);
    if (this.#spent.length >= restarts) return undefined;
    this.#spent.push(now);
    return now;
  }

  /**
   * A request killed the process a second time: that explains this restart and the one of the first time, which is
   * given back. False if too many did so since the process last answered anything.
   */
  explain(first: number | undefined): boolean {
    this.#spent = this.#spent.filter((time) => time !== first);
    return ++this.#guilty <= guiltyInARow;
  }

  /** The process works. */
  answered(): void {
    this.#guilty = 0;
  }

  reset(): void {
    this.#spent = [];
    this.#guilty = 0;
  }
}
