/** How many images fit into one batch without keeping an urgent request waiting. */

const largest = 8;
/** What a batch may take: a hover that arrives just after it began must not wait longer than 300 ms. */
const budgetMilliseconds = 250;

/** Learns from measured times; every kind of work (model, options, priority) begins with one image. */
export class BatchSize {
  readonly #perImage = new Map<string, number>();

  limit(group: string): number {
    const perImage = this.#perImage.get(group);
    if (perImage === undefined) return 1;
    return Math.min(largest, Math.max(1, Math.floor(budgetMilliseconds / perImage)));
  }

  /** A batch of `images` took `milliseconds`. */
  measured(group: string, images: number, milliseconds: number): void {
    const latest = milliseconds / images;
    const before = this.#perImage.get(group) ?? latest;
    // Slower counts at once; faster has to last: a single quick batch must not make the next one too large.
    this.#perImage.set(group, Math.max(latest, (latest + before) / 2));
  }
}
