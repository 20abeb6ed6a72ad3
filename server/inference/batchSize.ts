/** How many images fit into one batch without keeping an urgent request waiting, which runs between two of its steps. */

const largest = 16;
/** What one step of a batch may take: a hover that arrives just after it began must not wait longer than 300 ms. */
const budgetMilliseconds = 250;

/** Times the steps of one batch; what happens between the end of one and the beginning of the next is not counted. */
export interface BatchSteps {
  ended(): void;
  begun(): void;
}

/** Learns from measured times; every kind of work (model, options, priority) begins with one image. */
export class BatchSize {
  readonly #perImage = new Map<string, number>();

  limit(group: string): number {
    const perImage = this.#perImage.get(group);
    if (perImage === undefined) return 1;
    return Math.min(largest, Math.max(1, Math.floor(budgetMilliseconds / perImage)));
  }

  /** A batch of `images` begins with its first step. */
  begin(group: string, images: number, now = () => performance.now()): BatchSteps {
    let start = now();
    let longest = 0;
    const before = this.#perImage.get(group);
    return {
      ended: () => {
        longest = Math.max(longest, now() - start);
        // Slower counts at once; faster has to last: a single quick batch must not make the next one too large.
        const latest = longest / images;
        this.#perImage.set(group, Math.max(latest, (latest + (before ?? latest)) / 2));
      },
      begun: () => {
        start = now();
      },
    };
  }
}
