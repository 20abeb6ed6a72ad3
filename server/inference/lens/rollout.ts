/** Attention rollout (Abnar & Zuidema 2020, §3): how much of each patch reaches the class token, if attention is a flow. */
import type { Values } from './insides.js';
import { rounded } from './vectors.js';

/**
 * Attention [1,L,H,T,T], class token first → shares of the class token over the patches [side][side]: the product over
 * layers of ½·(mean over heads) + ½·identity; the class token's share of itself is left out.
 */
export function rollout({ data, dims }: Values): number[][] {
  const [, layers = 0, heads = 0, tokens = 0] = dims;
  // Only the class token's row is wanted: it is carried from the last layer to the first.
  let flow = new Float64Array(tokens);
  flow[0] = 1;
  for (let layer = layers - 1; layer >= 0; layer--) {
    const next = new Float64Array(tokens);
    for (let from = 0; from < tokens; from++) {
      const share = flow[from]! / 2;
      if (share === 0) continue;
      next[from]! += share;
      for (let head = 0; head < heads; head++) {
        const start = ((layer * heads + head) * tokens + from) * tokens;
        for (let to = 0; to < tokens; to++) next[to]! += (share * data[start + to]!) / heads;
      }
    }
    flow = next;
  }
  const side = Math.round(Math.sqrt(tokens - 1));
  return Array.from({ length: side }, (_, row) =>
    Array.from(flow.subarray(1 + row * side, 1 + (row + 1) * side), rounded),
  );
}
