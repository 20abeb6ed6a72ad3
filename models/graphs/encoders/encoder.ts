/** Pixels → image embedding: the encoder that a manifest describes, built from the pack's weights. */
import type { BuiltEncoder } from '../../pack/encoderManifest.js';
import type { Safetensors } from '../../pack/safetensors.js';
import { stackLayers } from '../attention.js';
import { GraphBuilder } from '../graph.js';
import { Weights, type Scope } from '../weights.js';
import { clipResnet } from './clipResnet.js';
import { clipVit } from './clipVit.js';
import { dinov2 } from './dinov2.js';
import type { VisionOutput } from './patches.js';
import { vit } from './vit.js';

/**
 * `pixel_values [N,3,H,W]` → `image_embeds [N,d]`, not normalised
 * @param variant adds `patch_attention [N,L,H,T,T]` (after softmax; T = 1 + patches, the class token first) of a
 * vision transformer; a ResNet has none
 */
export function encoderGraph(encoder: BuiltEncoder, file: Safetensors, variant?: 'patch_attention'): Uint8Array {
  const graph = new GraphBuilder();
  const scope = { graph, weights: new Weights(graph, file) };
  const { size } = encoder.image;
  const pixels = graph.input('pixel_values', 'float32', ['N', 3, size, size]);
  const publish = (embeds: string): void =>
    graph.output('image_embeds', embeds, 'float32', ['N', encoder.embeddingWidth]);
  if (encoder.kind === 'clip-resnet') {
    publish(clipResnet(scope, encoder, pixels));
    return graph.build(encoder.kind);
  }
  const { embeds, probabilities } = visionTransformer(scope, encoder, pixels);
  publish(embeds);
  if (variant === 'patch_attention') {
    const tokens = (size / encoder.patchSize) ** 2 + 1;
    const shape = ['N', encoder.layers, encoder.heads, tokens, tokens];
    graph.output('patch_attention', stackLayers(graph, probabilities), 'float32', shape);
  }
  return graph.build(encoder.kind);
}

function visionTransformer(
  scope: Scope,
  encoder: Exclude<BuiltEncoder, { kind: 'clip-resnet' }>,
  pixels: string,
): VisionOutput {
  if (encoder.kind === 'clip-vit') return clipVit(scope, encoder, pixels);
  return encoder.kind === 'vit' ? vit(scope, encoder, pixels) : dinov2(scope, encoder, pixels);
}
