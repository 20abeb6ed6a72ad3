/** The block that both sides of CLIP are made of: pre-norm, under the names of OpenAI's checkpoints. */
import { feedForward, gelu, layerNorm, linear, type GeluKind } from '../blocks.js';
import type { Scope } from '../weights.js';

interface BlockSizes {
  readonly width: number;
  /** Of the feed-forward network. */
  readonly hiddenWidth: number;
  readonly activation: GeluKind;
}

/**
 * x [R,width] → its kept rows, [R,width] or fewer
 * @param attend what rows [R,width] of queries, keys and values mix to [R,width]
 * @param kept takes rows [R,width] to those that are needed afterwards; only for them is the rest of the block computed
 */
export function clipBlock(
  scope: Scope,
  { width, hiddenWidth, activation }: BlockSizes,
  x: string,
  name: string,
  attend: (query: string, keys: string, values: string) => string,
  kept = (rows: string): string => rows,
): string {
  const { graph } = scope;
  const inProjection = { weight: `${name}.attn.in_proj_weight`, bias: `${name}.attn.in_proj_bias` };
  const projected = linear(scope, layerNorm(scope, x, `${name}.ln_1`), `${name}.attn`, width, inProjection);
  const mixed = kept(attend(...graph.node3('Split', [projected], { axis: 1, num_outputs: 3 })));
  const attended = graph.node('Add', [kept(x), linear(scope, mixed, `${name}.attn.out_proj`, width)]);
  const changed = feedForward(
    scope,
    layerNorm(scope, attended, `${name}.ln_2`),
    [`${name}.mlp.c_fc`, `${name}.mlp.c_proj`],
    [width, hiddenWidth],
    (hidden) => gelu(scope, hidden, activation),
  );
  return graph.node('Add', [attended, changed]);
}
