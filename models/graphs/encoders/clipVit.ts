/** CLIP's vision transformer (Radford et al. 2021), any size, under the names of OpenAI's checkpoints (`visual.*`). */
import type { EncoderOf } from '../../pack/encoderManifest.js';
import { attend, headsOf, splitHeads } from '../attention.js';
import { layerNorm, linear } from '../blocks.js';
import type { Scope } from '../weights.js';
import { clipBlock } from './clipBlock.js';
import { neededRows, patchTokens, tokenCount, type VisionOutput } from './patches.js';

export function clipVit(scope: Scope, encoder: EncoderOf<'clip-vit'>, pixels: string): VisionOutput {
  const { graph, weights } = scope;
  const { width, layers, heads, hiddenWidth = 4 * width, activation } = encoder;
  const split = headsOf(graph, tokenCount(encoder), width, heads);
  const probabilities: string[] = [];

  const attention = (query: string, keys: string, values: string): string => {
    const rows = (x: string): string => splitHeads(graph, x, split);
    const attended = attend(graph, split, [rows(query), rows(keys), rows(values)]);
    probabilities.push(attended.probabilities);
    return attended.mixed;
  };

  const tokens = patchTokens(scope, encoder, pixels, {
    projection: 'encoder.conv1',
    bias: false,
    classToken: weights.float('encoder.class_embedding'),
    positions: weights.float('encoder.positional_embedding'),
  });
  const sizes = { width, hiddenWidth, activation };
  let x = layerNorm(scope, tokens, 'encoder.ln_pre');
  for (let layer = 0; layer < layers; layer++) {
    const kept = neededRows(scope, encoder, layer === layers - 1);
    x = clipBlock(scope, sizes, x, `encoder.transformer.resblocks.${layer}`, attention, kept);
  }
  const pooled = layerNorm(scope, x, 'encoder.ln_post');
  const projection = { stored: 'in-out', weight: 'encoder.proj', bias: '' } as const;
  return { embeds: linear(scope, pooled, 'encoder.proj', width, projection), probabilities };
}
