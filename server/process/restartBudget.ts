/** How often a process that dies is started again before it is left alone. */

const restarts = 4;
const windowMilliseconds = 3 * 60_000;

export class RestartBudget {
  #spent: number[] = [];

  /** Spends one restart; false if there is none left: at most 4 in 3 minutes. */
  spend(): boolean {
    const now = performance.now();
    this.#spent = this.#spent.filter((time) => now - time < windowMilliseconds);
    if (this.#spent.length >= restarts) return false;
    this.#spent.push(now);
    return true;
  }

  reset(): void {
    this.#spent = [];
  }
}
