/**
 * The standard beam search with a length penalty, as Hugging Face's `generate` does it: beams are followed by their
 * summed log-probability, captions that end are set aside and compared by Σ log p / length^α.
 *
 * In several groups it is diverse beam search (Vijayakumar et al. 2016) with Hamming diversity: the groups take turns at
 * every step, and a token costs a group λ for every beam of an earlier group that took it at this step. What was paid
 * stays with the beam for choosing; the scores of captions do not contain it.
 */
import { topLogProbs } from './logProbs.js';
import {
  extend,
  forbidden,
  isFinished,
  search,
  toCaption,
  type Considered,
  type FoundCaption,
  type Grown,
  type Hypothesis,
  type ImageSearch,
  type SearchOptions,
  type Steps,
} from './search.js';

export interface StandardBeamSearchOptions extends SearchOptions {
  /** Of all groups together. */
  readonly beams: number;
  /** α: 0 compares sums, 1 means; larger prefers longer captions. */
  readonly lengthPenalty: number;
  /** Divides the beams. */
  readonly groups: number;
  /** λ, in nats. */
  readonly diversity: number;
  /** How many captions are wanted of each image. */
  readonly captions: number;
}

/** @returns for each image its captions, best first; of several groups first of all the best of each */
export function standardBeamSearch(
  steps: Steps,
  options: StandardBeamSearchOptions,
  checkpoint: () => Promise<void>,
  grown?: Grown,
): Promise<FoundCaption[][]> {
  return search(steps, options, checkpoint, grown, (root, image) => new Groups(root, image, options));
}

interface Beam extends Hypothesis {
  /** `sum` without what was paid for taking others' tokens. */
  readonly value: number;
}

interface Ended {
  readonly beam: Beam;
  /** value / length^α */
  readonly rank: number;
}

class Groups implements ImageSearch {
  readonly #options: StandardBeamSearchOptions;
  readonly #image: number;
  readonly #groups: readonly Group[];
  #root: Hypothesis | undefined;

  constructor(root: Hypothesis, image: number, options: StandardBeamSearchOptions) {
    this.#options = options;
    this.#image = image;
    this.#root = root;
    this.#groups = Array.from({ length: options.groups }, () => new Group({ ...root, value: root.sum }, options));
  }

  get live(): readonly Hypothesis[] {
    return this.#root ? [this.#root] : this.#groups.flatMap(({ live }) => live);
  }

  get best(): Hypothesis | undefined {
    return this.#groups[0]?.best;
  }

  advance(logits: Float32Array, firstRow: number): void {
    const taken = new Map<number, number>();
    const { considered } = this.#options;
    const step: Considered[] = [];
    let row = firstRow;
    for (const group of this.#groups) {
      const rows = group.live.map((_, i) => (this.#root ? firstRow : row + i));
      row += rows.length;
      if (rows.length === 0) continue;
      const told = considered && ((one: Considered): unknown => step.push(one));
      for (const id of group.advance(logits, rows, taken, told)) taken.set(id, (taken.get(id) ?? 0) + 1);
    }
    this.#root = undefined;
    considered?.(this.#image, step);
  }

  /** The groups take turns, so that few captions are of many groups; those chosen are then sorted. */
  captions(): FoundCaption[] {
    const { captions, beams } = this.#options;
    const found = this.#groups.map((group) => group.ended());
    const chosen: Ended[] = [];
    for (let place = 0; place < beams; place++) {
      const turn = found.flatMap((ended) => ended.slice(place, place + 1)).sort(byRank);
      chosen.push(...turn.slice(0, captions - chosen.length));
    }
    return chosen.sort(byRank).map(({ beam }) => toCaption(beam));
  }
}

/** One beam search with captions set aside. */
class Group {
  readonly #options: StandardBeamSearchOptions;
  readonly #size: number;
  #beams: readonly Beam[];
  #ended: readonly Ended[] = [];
  /** Nothing alive can get better than what has ended. */
  #settled = false;

  constructor(root: Beam, options: StandardBeamSearchOptions) {
    this.#options = options;
    this.#size = options.beams / options.groups;
    this.#beams = [root];
  }

  get live(): readonly Beam[] {
    return this.#settled ? [] : this.#beams;
  }

  get best(): Beam | undefined {
    return this.live[0] ?? this.#ended[0]?.beam;
  }

  /**
   * @param taken how many beams of earlier groups took each token at this step
   * @param told what was considered, best first
   * @returns the tokens that this group's beams took to go on
   */
  advance(
    logits: Float32Array,
    rows: readonly number[],
    taken: ReadonlyMap<number, number>,
    told?: (considered: Considered) => void,
  ): number[] {
    const { vocabulary, stopTokens, diversity } = this.#options;
    // So many that enough are left to go on, were all stop tokens among the best.
    const kept = this.#size * (1 + Math.max(1, stopTokens.length));
    const candidates = this.#beams.flatMap((beam, i) => {
      const row = rows[i]!;
      // A token can only lose its place to as many as were taken before.
      const tokens = topLogProbs(logits, row, vocabulary, kept + taken.size, forbidden(beam, this.#options));
      return tokens.map((token): Beam => {
        const paid = diversity * (taken.get(token.id) ?? 0);
        const { tokens: extended, sum } = extend(beam, token, row);
        return { tokens: extended, sum, row, parent: beam, value: beam.value + token.logProb - paid };
      });
    });
    // Stable, and of one beam in the order of log-probabilities: equal values keep the order of beams and of token ids.
    const best = candidates.sort((a, b) => b.value - a.value).slice(0, kept);
    // A caption that ends counts only if it is among the best that there is room for.
    this.#setAside(best.slice(0, this.#size).filter((beam) => this.#ends(beam)));
    const going = best.filter((beam) => !isFinished(beam, this.#options)).slice(0, this.#size);
    this.#beams = going.filter((beam) => !this.#ends(beam));
    this.#settled = this.#isSettled();
    if (told) this.#tell(best, told);
    return going.map(({ tokens }) => tokens.at(-1)!.id);
  }

  #tell(candidates: readonly Beam[], told: (considered: Considered) => void): void {
    const ended = new Set(this.#ended.map(({ beam }) => beam));
    for (const hypothesis of candidates) {
      const goesOn = this.#beams.includes(hypothesis) ? 'kept' : 'pruned';
      told({ hypothesis, state: ended.has(hypothesis) ? 'finished' : goesOn });
    }
  }

  /** What has ended, best first. */
  ended(): readonly Ended[] {
    return this.#ended;
  }

  /** By a stop token, or because it is as long as captions may be. */
  #ends(beam: Beam): boolean {
    return isFinished(beam, this.#options) || beam.tokens.length >= this.#options.maxTokens;
  }

  #setAside(beams: readonly Beam[]): void {
    this.#ended = [...this.#ended, ...beams.map((beam) => ({ beam, rank: this.#rank(beam) }))]
      .sort(byRank)
      .slice(0, this.#size);
  }

  /** Hugging Face's `early_stopping=False`: full, and the best beam, ended as it is, would not be kept. */
  #isSettled(): boolean {
    const [best] = this.#beams;
    if (!best) return true;
    const worst = this.#ended[this.#size - 1];
    return worst !== undefined && !(this.#rank(best) > worst.rank);
  }

  #rank({ value, tokens }: Beam): number {
    return value / tokens.length ** this.#options.lengthPenalty;
  }
}

function byRank(a: Ended, b: Ended): number {
  return b.rank - a.rank;
}
