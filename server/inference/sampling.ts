/**
 * Sampling: every token is drawn from the model's own distribution, made sharper or flatter by a temperature and cut to
 * its most probable tokens. Filters and their order are those of Hugging Face's `generate`: temperature, top-k, top-p
 * (nucleus sampling, Holtzman et al. 2020).
 *
 * Draw `i` of every image uses stream `i` of the seed, one number for each token. So a caption depends on its image, the
 * options and its number alone: not on the images that happen to share its batch, nor on how many captions are drawn.
 */
import { logSumExp, maximum, rowOf } from './logProbs.js';
import { Random } from './random.js';
import {
  extend,
  forbidden,
  isFinished,
  search,
  toCaption,
  type FoundCaption,
  type Grown,
  type Hypothesis,
  type ImageSearch,
  type SearchOptions,
  type Steps,
} from './search.js';

export interface Filters {
  readonly temperature: number;
  /** Absent: all tokens. */
  readonly topK?: number;
  readonly topP: number;
}

export interface SamplingOptions extends SearchOptions, Filters {
  readonly seed: number;
  /** Independent captions for each image. The same may be drawn twice. */
  readonly draws: number;
}

/** @returns for each image its draws, best score first, equal scores in the order in which they were drawn */
export function sample(
  steps: Steps,
  options: SamplingOptions,
  checkpoint: () => Promise<void>,
  grown?: Grown,
): Promise<FoundCaption[][]> {
  return search(steps, options, checkpoint, grown, (root) => new Draws(root, options));
}

interface Draw {
  readonly random: Random;
  hypothesis: Hypothesis;
}

class Draws implements ImageSearch {
  readonly #options: SamplingOptions;
  readonly #draws: readonly Draw[];
  #begun = false;

  constructor(root: Hypothesis, options: SamplingOptions) {
    this.#options = options;
    this.#draws = Array.from({ length: options.draws }, (_, stream) => ({
      random: Random.of(options.seed, stream),
      hypothesis: root,
    }));
  }

  get live(): readonly Hypothesis[] {
    // All draws continue the one root.
    const first = this.#draws.slice(0, 1);
    return (this.#begun ? this.#unfinished() : first).map(({ hypothesis }) => hypothesis);
  }

  get best(): Hypothesis | undefined {
    return this.#draws[0]?.hypothesis;
  }

  advance(logits: Float32Array, firstRow: number): void {
    const { vocabulary } = this.#options;
    for (const [i, draw] of this.#unfinished().entries()) {
      const row = this.#begun ? firstRow + i : firstRow;
      const values = rowOf(logits, row, vocabulary);
      const { hypothesis, random } = draw;
      const logSum = logSumExp(values, maximum(values));
      const id = drawToken(filter(values, this.#options, forbidden(hypothesis, this.#options)), random.uniform());
      draw.hypothesis = extend(hypothesis, { id, logProb: values[id]! - logSum }, row);
    }
    this.#begun = true;
  }

  captions(): FoundCaption[] {
    return this.#draws.map(({ hypothesis }) => toCaption(hypothesis)).sort((a, b) => b.score - a.score);
  }

  #unfinished(): readonly Draw[] {
    return this.#draws.filter(({ hypothesis }) => !isFinished(hypothesis, this.#options));
  }
}

/** Tokens that may be drawn, by id, and how probable each is compared with the others. */
export interface Candidates {
  readonly ids: readonly number[];
  /** Positive, not normalised. */
  readonly weights: readonly number[];
}

/**
 * What is left of a row of logits [V] after temperature, top-k and top-p. Like Hugging Face's, top-k keeps every token
 * as probable as the k-th, and top-p the token that reaches the mass. Of equal tokens top-p keeps those with lower ids.
 * @param without tokens that must not be drawn
 */
export function filter(
  logits: Float32Array,
  { temperature, topK, topP }: Filters,
  without: readonly number[] = [],
): Candidates {
  const values = Float64Array.from(logits, (value) => value / temperature);
  for (const id of without) values[id] = -Infinity;
  const least = topK !== undefined && topK < values.length ? values.slice().sort().at(-topK)! : -Infinity;
  const max = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const ids: number[] = [];
  const weights: number[] = [];
  for (let id = 0; id < values.length; id++) {
    const value = values[id]!;
    const weight = value < least ? 0 : Math.exp(value - max);
    if (!(weight > 0)) continue;
    ids.push(id);
    weights.push(weight);
  }
  return topP < 1 ? nucleus({ ids, weights }, topP) : { ids, weights };
}

/** The most probable candidates, as few as reach the share `mass` of all. */
function nucleus({ ids, weights }: Candidates, mass: number): Candidates {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  // Whatever is rarer than this can be no part of it, all of it together: nothing else has to be sorted.
  const rare = (total * (1 - mass)) / weights.length;
  const byWeight = ids.map((_, i) => i).filter((i) => weights[i]! > rare);
  byWeight.sort((a, b) => weights[b]! - weights[a]! || a - b);
  let before = 0;
  const outside = byWeight.findIndex((i) => {
    const reached = before >= mass * total;
    before += weights[i]!;
    return reached;
  });
  const kept = (outside === -1 ? byWeight : byWeight.slice(0, outside)).sort((a, b) => a - b);
  return { ids: kept.map((i) => ids[i]!), weights: kept.map((i) => weights[i]!) };
}

/** The candidate at the share `uniform` (0 ≤ u < 1) of the weights, added up in the order of ids. */
function drawToken({ ids, weights }: Candidates, uniform: number): number {
  let left = uniform * weights.reduce((sum, weight) => sum + weight, 0);
  const index = weights.findIndex((weight) => (left -= weight) < 0);
  // Rounding may leave a little at the end.
  return ids[index === -1 ? ids.length - 1 : index]!;
}
