/** Log-softmax over the vocabulary, only where a search looks: at the best tokens of a row. */
import { CaptionError } from '@clipcap/protocol/error';

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
  const best = topIndices(values, Math.min(count + without.length, vocabulary));
  const logSum = logSumExp(values, values[best[0]!]!);
  const kept = without.length === 0 ? best : best.filter((id) => !without.includes(id)).slice(0, count);
  return Array.from(kept, (id) => ({ id, logProb: values[id]! - logSum }));
}

/** Log-probability of token `id` in row `row` of `logits` [R,V]; throws as `topLogProbs`. */
export function logProbOf(logits: Float32Array, row: number, vocabulary: number, id: number): number {
  const values = rowOf(logits, row, vocabulary);
  return values[id]! - logSumExp(values, maximum(values));
}

/** Row `row` of `logits` [R,V], not copied. */
export function rowOf(logits: Float32Array, row: number, vocabulary: number): Float32Array {
  return logits.subarray(row * vocabulary, (row + 1) * vocabulary);
}

/** log Σ exp of values whose largest is `max`; throws as `topLogProbs`. */
export function logSumExp(values: Float32Array, max: number): number {
  let sum = 0;
  for (let id = 0; id < values.length; id++) sum += Math.exp(values[id]! - max);
  const logSum = max + Math.log(sum);
  if (Number.isFinite(logSum)) return logSum;
  throw new CaptionError(
    'inference-failed',
    'The model gave logits that are not finite numbers. Import the pack again.',
  );
}

export function maximum(values: Float32Array): number {
  let max = -Infinity;
  for (let id = 0; id < values.length; id++) if (values[id]! > max) max = values[id]!;
  return max;
}

/**
 * Where the `count` largest values are, largest first, ties by lower index. One pass: most values fail the first
 * comparison, the others are inserted into a short sorted list.
 */
export function topIndices(values: Float32Array, count: number): Int32Array {
  const best = new Int32Array(count);
  let found = 0;
  let threshold = -Infinity;
  for (let id = 0; id < values.length; id++) {
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
  return best;
}
