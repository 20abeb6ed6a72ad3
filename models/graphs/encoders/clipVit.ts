/** CLIP's vision transformer (Radford et al. 2021), any size, under the names of OpenAI's checkpoints (`visual.*`). */
import type { EncoderOf } from '../../pack/encoderManifest.js';
import { attend, headsOf, splitHeads } from '../attention.js';
import { feedForward, gelu, layerNorm, linear } from '../blocks.js';
import type { Scope } from '../weights.js';
import { classRows, patchTokens, tokenCount, type VisionOutput } from './patches.js';

export function clipVit(scope: Scope, encoder: EncoderOf<'clip-vit'>, pixels: string): VisionOutput {
  const { graph, weights } = scope;
  const { width, layers, heads, hiddenWidth = 4 * width, activation } = encoder;
  const split = headsOf(graph, tokenCount(encoder), width, heads);
  const probabilities: string[] = [];

  const attention = (x: string, name: string): string => {
    const inProjection = { weight: `${name}.in_proj_weight`, bias: `${name}.in_proj_bias` };
    const projected = linear(scope, x, name, width, inProjection);
    const [query, key, value] = graph
      .node3('Split', [projected], { axis: 1, num_outputs: 3 })
      .map((rows) => splitHeads(graph, rows, split));
    const attended = attend(graph, split, [query!, key!, value!]);
    probabilities.push(attended.probabilities);
    return linear(scope, attended.mixed, `${name}.out_proj`, width);
  };

  const tokens = patchTokens(scope, encoder, pixels, {
    projection: 'encoder.conv1',
    bias: false,
    classToken: weights.float('encoder.class_embedding'),
    positions: weights.float('encoder.positional_embedding'),
  });
  let x = layerNorm(scope, tokens, 'encoder.ln_pre');
  for (let layer = 0; layer < layers; layer++) {
    const name = `encoder.transformer.resblocks.${layer}`;
    x = graph.node('Add', [x, attention(layerNorm(scope, x, `${name}.ln_1`), `${name}.attn`)]);
    const changed = feedForward(
      scope,
      layerNorm(scope, x, `${name}.ln_2`),
      [`${name}.mlp.c_fc`, `${name}.mlp.c_proj`],
      [width, hiddenWidth],
      (hidden) => gelu(scope, hidden, activation),
    );
    x = graph.node('Add', [x, changed]);
  }
  const pooled = layerNorm(scope, classRows(scope, x, encoder), 'encoder.ln_post');
  const projection = { stored: 'in-out', weight: 'encoder.proj', bias: '' } as const;
  return { embeds: linear(scope, pooled, 'encoder.proj', width, projection), probabilities };
}
