/**
 * DINOv2 (Oquab et al. 2023) as Hugging Face's `Dinov2Model` has it: a vision transformer whose branches are scaled per
 * channel (LayerScale); its largest size gates its feed-forward networks (SwiGLU).
 */
import type { EncoderOf } from '../../pack/encoderManifest.js';
import { feedForward, gelu, layerNorm, linear } from '../blocks.js';
import type { Scope } from '../weights.js';
import { huggingFaceAttention, huggingFacePositions, neededRows, patchTokens, type VisionOutput } from './patches.js';

export function dinov2(scope: Scope, encoder: EncoderOf<'dinov2'>, pixels: string): VisionOutput {
  const { graph, weights } = scope;
  const { layers, epsilon } = encoder;
  const probabilities: string[] = [];
  /** x + scale · branch */
  const addScaled = (x: string, branch: string, scale: string): string =>
    graph.node('Add', [x, graph.node('Mul', [branch, weights.float(`${scale}.lambda1`)])]);

  let x = patchTokens(scope, encoder, pixels, {
    projection: 'encoder.embeddings.patch_embeddings.projection',
    bias: true,
    classToken: weights.float('encoder.embeddings.cls_token'),
    positions: huggingFacePositions(scope, encoder),
  });
  for (let layer = 0; layer < layers; layer++) {
    const name = `encoder.encoder.layer.${layer}`;
    const normalised = layerNorm(scope, x, `${name}.norm1`, epsilon);
    const kept = neededRows(scope, encoder, layer === layers - 1);
    const attended = huggingFaceAttention(scope, encoder, normalised, `${name}.attention`, kept);
    probabilities.push(attended.probabilities);
    x = addScaled(kept(x), attended.x, `${name}.layer_scale1`);
    const changed = mlp(scope, encoder, layerNorm(scope, x, `${name}.norm2`, epsilon), `${name}.mlp`);
    x = addScaled(x, changed, `${name}.layer_scale2`);
  }
  return { embeds: layerNorm(scope, x, 'encoder.layernorm', epsilon), probabilities };
}

function mlp(scope: Scope, encoder: EncoderOf<'dinov2'>, x: string, name: string): string {
  const { graph } = scope;
  const { width, hiddenWidth } = encoder;
  if (encoder.feedForward === 'mlp') {
    const layers = [`${name}.fc1`, `${name}.fc2`] as const;
    return feedForward(scope, x, layers, [width, hiddenWidth], (hidden) => gelu(scope, hidden, 'gelu'));
  }
  const both = linear(scope, x, `${name}.weights_in`, width);
  const [gate, value] = graph.node2('Split', [both], { axis: 1, num_outputs: 2 });
  const silu = graph.node('Mul', [gate, graph.node('Sigmoid', [gate])]);
  return linear(scope, graph.node('Mul', [silu, value]), `${name}.weights_out`, hiddenWidth);
}
