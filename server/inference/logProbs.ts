/** Log-softmax over the vocabulary, only where a search looks: at the best tokens of a row. */
import { CaptionError } from '@clipcap/protocol/error';
import { blockLength, loadRow, type LoadedRow } from './logitsKernel.js';

export interface ScoredToken {
  readonly id: number;
  /** Natural, of the full softmax. */
  readonly logProb: number;
}

/**
 * The `count` most probable tokens of row `row` of `logits` [R,V], best first, ties by lower id; none of `without`.
 * @throws CaptionError `inference-failed`: the logits are no finite numbers
 */
export function topLogProbs(
  logits: Float32Array,
  row: number,
  vocabulary: number,
  count: number,
  without: readonly number[] = [],
): ScoredToken[] {
  const values = rowOf(logits, row, vocabulary);
  const loaded = loadRow(values);
  const best = topOf(values, loaded, Math.min(count + without.length, vocabulary));
  const logSum = logSumOf(loaded, values[best[0]!]!);
  const kept = without.length === 0 ? best : best.filter((id) => !without.includes(id)).slice(0, count);
  return Array.from(kept, (id) => ({ id, logProb: values[id]! - logSum }));
}

/** Log-probability of token `id` in row `row` of `logits` [R,V]; throws as `topLogProbs`. */
export function logProbOf(logits: Float32Array, row: number, vocabulary: number, id: number): number {
  const values = rowOf(logits, row, vocabulary);
  return values[id]! - logSumExp(values);
}

/** Row `row` of `logits` [R,V], not copied. */
export function rowOf(logits: Float32Array, row: number, vocabulary: number): Float32Array {
  return logits.subarray(row * vocabulary, (row + 1) * vocabulary);
}

/** log Σ exp of values [V], right to 10⁻⁶; throws as `topLogProbs`. */
export function logSumExp(values: Float32Array): number {
  const loaded = loadRow(values);
  return logSumOf(
    loaded,
    loaded.maxima.reduce((max, value) => Math.max(max, value), -Infinity),
  );
}

/** @param max the row's largest value */
function logSumOf(row: LoadedRow, max: number): number {
  const logSum = max + Math.log(row.sumExp(max));
  if (Number.isFinite(logSum)) return logSum;
  throw new CaptionError(
    'inference-failed',
    'The model gave logits that are not finite numbers. Import the pack again.',
  );
}

/** Where the `count` ≤ V largest of values [V] are, largest first, ties by lower index. */
export function topIndices(values: Float32Array, count: number): Int32Array {
  return topOf(values, loadRow(values), count);
}

/** The `count` largest values are in blocks whose largest is no less than the `count`-th largest of all blocks' largest. */
function topOf(values: Float32Array, { maxima }: LoadedRow, count: number): Int32Array {
  const best = new Largest(values, count);
  if (count >= maxima.length) {
    best.add(0, values.length);
    return best.indices;
  }
  const blocks = new Largest(maxima, count);
  blocks.add(0, maxima.length);
  const bound = maxima[blocks.indices[count - 1]!]!;
  for (let block = 0; block < maxima.length; block++) {
    if (!(maxima[block]! >= bound)) continue;
    best.add(block * blockLength, Math.min((block + 1) * blockLength, values.length));
  }
  return best.indices;
}

/** Most values fail the first comparison, the others are inserted into a short sorted list. */
class Largest {
  /** Largest first, ties by lower index. */
  readonly indices: Int32Array;
  readonly #values: Float32Array;
  #found = 0;

  constructor(values: Float32Array, count: number) {
    this.#values = values;
    this.indices = new Int32Array(count);
  }

  /** Considers the values from index `start` up to `end`; indices must come in order. */
  add(start: number, end: number): void {
    const values = this.#values;
    const best = this.indices;
    const count = best.length;
    let found = this.#found;
    let threshold = found === 0 ? -Infinity : values[best[found - 1]!]!;
    for (let id = start; id < end; id++) {
      const value = values[id]!;
      if (found === count && !(value > threshold)) continue;
      let place = found < count ? found++ : count - 1;
      while (place > 0 && value > values[best[place - 1]!]!) {
        best[place] = best[place - 1]!;
        place--;
      }
      best[place] = id;
      threshold = values[best[found - 1]!]!;
    }
    this.#found = found;
  }
}
