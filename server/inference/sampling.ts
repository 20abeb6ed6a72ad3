/**
 * Sampling: every token is drawn from the model's own distribution, made sharper or flatter by a temperature and cut to
 * its most probable tokens. Filters and their order are those of Hugging Face's `generate`: temperature, top-k, top-p
 * (nucleus sampling, Holtzman et al. 2020).
 *
 * Draw `i` of every image uses stream `i` of the seed, one number for each token. So a caption depends on its image, the
 * options and its number alone: not on the images that happen to share its batch, nor on how many captions are drawn.
 */
import { logSumExp, rowOf, topIndices } from './logProbs.js';
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

interface SamplingOptions extends SearchOptions, Filters {
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
      const logSum = logSumExp(values);
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
interface Candidates {
  readonly ids: Int32Array;
  /** Positive, not normalised. */
  readonly weights: Float64Array;
}

/** Above this, sorting all logits is faster than keeping the best. */
const fewTokens = 1000;

/**
 * What is left of a row of logits [V] after temperature, top-k and top-p. Like Hugging Face's, top-k keeps every token
 * as probable as the k-th, and top-p the token that reaches the mass. Of equal tokens top-p keeps those with lower ids.
 * @param without tokens that must not be drawn
 */
export function filter(
  logits: Float32Array,
  { temperature, topK = Infinity, topP }: Filters,
  without: readonly number[] = [],
): Candidates {
  const allowed = without.length === 0 ? logits : logits.slice();
  for (const id of without) allowed[id] = -Infinity;
  const max = maximum(allowed);
  const least = topK < allowed.length ? largest(allowed, topK) : -Infinity;
  const ids = new Int32Array(allowed.length);
  const weights = new Float64Array(allowed.length);
  let count = 0;
  for (let id = 0; id < allowed.length; id++) {
    const value = allowed[id]!;
    if (value < least) continue;
    const weight = Math.exp((value - max) / temperature);
    if (!(weight > 0)) continue;
    ids[count] = id;
    weights[count++] = weight;
  }
  const left = { ids: ids.subarray(0, count), weights: weights.subarray(0, count) };
  return topP < 1 ? nucleus(left, topP) : left;
}

function maximum(values: Float32Array): number {
  let max = -Infinity;
  for (let id = 0; id < values.length; id++) if (values[id]! > max) max = values[id]!;
  return max;
}

/** The `place`-th largest value, from 1. */
function largest(values: Float32Array, place: number): number {
  if (place <= fewTokens) return values[topIndices(values, place)[place - 1]!]!;
  return values.slice().sort()[values.length - place]!;
}

/** The most probable candidates, as few as reach the share `mass` of all. */
function nucleus({ ids, weights }: Candidates, mass: number): Candidates {
  const total = sumOf(weights);
  // Whatever is rarer than this can be no part of it, all of it together: nothing else has to be sorted.
  const rare = (total * (1 - mass)) / weights.length;
  const byWeight: number[] = [];
  for (let i = 0; i < weights.length; i++) if (weights[i]! > rare) byWeight.push(i);
  byWeight.sort((a, b) => weights[b]! - weights[a]! || a - b);
  let before = 0;
  let size = 0;
  while (size < byWeight.length && before < mass * total) before += weights[byWeight[size++]!]!;
  const kept = Int32Array.from(byWeight.slice(0, size)).sort();
  return { ids: kept.map((i) => ids[i]!), weights: Float64Array.from(kept, (i) => weights[i]!) };
}

/** The candidate at the share `uniform` (0 ≤ u < 1) of the weights, added up in the order of ids. */
function drawToken({ ids, weights }: Candidates, uniform: number): number {
  let left = uniform * sumOf(weights);
  let index = 0;
  // Rounding may leave a little at the end.
  while (index < weights.length - 1 && (left -= weights[index]!) >= 0) index++;
  return ids[index]!;
}

function sumOf(weights: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += weights[i]!;
  return sum;
}
