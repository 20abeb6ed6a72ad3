/** The MLP mapper of ClipCap (Mokady et al. 2021, §3.2): Linear, Tanh, Linear, read as K prefix rows of width D. */
import type { PackManifest } from '../pack/manifest.js';
import type { Safetensors } from '../pack/safetensors.js';
import { GraphBuilder } from './graph.js';
import { weightsOf } from './weights.js';

/** `image_embeds [N,d]` → `prefix [N,K,D]` */
export function mlpMapper(manifest: PackManifest, file: Safetensors): Uint8Array {
  const { prefixLength } = manifest.mapper;
  const { width } = manifest.languageModel;
  const graph = new GraphBuilder();
  const weights = weightsOf(graph, file);
  const linear = (x: string, layer: string): string =>
    graph.node('Gemm', [x, weights(`${layer}.weight`), weights(`${layer}.bias`)], { transB: 1 });

  const embeds = graph.input('image_embeds', 'float32', ['N', manifest.encoder.embeddingWidth]);
  const hidden = graph.node('Tanh', [linear(embeds, 'clip_project.model.0')]);
  const flat = linear(hidden, 'clip_project.model.2');
  const prefix = graph.node('Reshape', [flat, graph.integers([-1, prefixLength, width])]);
  graph.output('prefix', prefix, 'float32', ['N', prefixLength, width]);
  return graph.build('mapper');
}
