/** Log-softmax over the vocabulary, only where a search looks: at the best tokens of a row. */
import { CaptionError } from '@clipcap/protocol/error';

export interface ScoredToken {
  readonly id: number;
  /** Natural, of the full softmax. */
  readonly logProb: number;
}

/** The `count` most probable tokens of row `row` of `logits` [R,V], best first, ties by lower id. */
export function topLogProbs(logits: Float32Array, row: number, vocabulary: number, count: number): ScoredToken[] {
  const values = logits.subarray(row * vocabulary, (row + 1) * vocabulary);
  const best = topIndices(values, Math.min(count, vocabulary));
  const max = values[best[0]!]!;
  let sum = 0;
  for (let id = 0; id < vocabulary; id++) sum += Math.exp(values[id]! - max);
  const logSum = max + Math.log(sum);
  if (!Number.isFinite(logSum)) {
    throw new CaptionError(
      'inference-failed',
      'The model gave logits that are not finite numbers. Import the pack again.',
    );
  }
  return Array.from(best, (id) => ({ id, logProb: values[id]! - logSum }));
}

/** One pass: most values fail the first comparison, the others are inserted into a short sorted list. */
function topIndices(values: Float32Array, count: number): Int32Array {
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
