/** A plain vision transformer as Hugging Face's `ViTModel` has it: the class token after the final normalisation. */
import type { EncoderOf } from '../../pack/encoderManifest.js';
import { feedForward, gelu, layerNorm } from '../blocks.js';
import type { Scope } from '../weights.js';
import { huggingFaceAttention, huggingFacePositions, neededRows, patchTokens, type VisionOutput } from './patches.js';

export function vit(scope: Scope, encoder: EncoderOf<'vit'>, pixels: string): VisionOutput {
  const { graph, weights } = scope;
  const { width, layers, hiddenWidth, epsilon } = encoder;
  const probabilities: string[] = [];
  let x = patchTokens(scope, encoder, pixels, {
    projection: 'encoder.embeddings.patch_embeddings.projection',
    bias: true,
    classToken: weights.float('encoder.embeddings.cls_token'),
    positions: huggingFacePositions(scope, encoder),
  });
  for (let layer = 0; layer < layers; layer++) {
    const name = `encoder.encoder.layer.${layer}`;
    const normalised = layerNorm(scope, x, `${name}.layernorm_before`, epsilon);
    const kept = neededRows(scope, encoder, layer === layers - 1);
    const attended = huggingFaceAttention(scope, encoder, normalised, `${name}.attention`, kept);
    probabilities.push(attended.probabilities);
    x = graph.node('Add', [kept(x), attended.x]);
    const changed = feedForward(
      scope,
      layerNorm(scope, x, `${name}.layernorm_after`, epsilon),
      [`${name}.intermediate.dense`, `${name}.output.dense`],
      [width, hiddenWidth],
      (hidden) => gelu(scope, hidden, 'gelu'),
    );
    x = graph.node('Add', [x, changed]);
  }
  return { embeds: layerNorm(scope, x, 'encoder.layernorm', epsilon), probabilities };
}
