/**
 * CLIP's ModifiedResNet (Radford et al. 2021, §2.4), any size, under the names of OpenAI's checkpoints (`visual.*`) with
 * batch normalisations folded into convolutions: a stem of three convolutions, average pooling wherever a ResNet has
 * strides, and attention pooling with the mean as its query.
 */
import type { EncoderOf } from '../../pack/encoderManifest.js';
import { attend, headsOf, splitHeads } from '../attention.js';
import { convolution, linear } from '../blocks.js';
import type { Scope } from '../weights.js';

/** `pixel_values [N,3,H,W]` → [N,d] */
export function clipResnet(scope: Scope, encoder: EncoderOf<'clip-resnet'>, pixels: string): string {
  let x = pixels;
  for (const [index, stride] of [2, 1, 1].entries()) {
    x = convolution(scope, x, `encoder.conv${index + 1}`, { stride, padding: 1 });
    x = scope.graph.node('Relu', [x]);
  }
  x = halved(scope, x);
  for (const [stage, blocks] of encoder.layers.entries()) {
    for (let block = 0; block < blocks; block++) {
      const name = `encoder.layer${stage + 1}.${block}`;
      x = bottleneck(scope, x, name, { isFirst: block === 0, halves: block === 0 && stage > 0 });
    }
  }
  return attentionPool(scope, encoder, x);
}

function bottleneck(
  scope: Scope,
  x: string,
  name: string,
  { isFirst, halves }: { isFirst: boolean; halves: boolean },
): string {
  const { graph } = scope;
  const pooled = (value: string): string => (halves ? halved(scope, value) : value);
  const narrow = graph.node('Relu', [convolution(scope, x, `${name}.conv1`)]);
  const spatial = graph.node('Relu', [convolution(scope, narrow, `${name}.conv2`, { padding: 1 })]);
  const wide = convolution(scope, pooled(spatial), `${name}.conv3`);
  const shortcut = isFirst ? convolution(scope, pooled(x), `${name}.downsample.0`) : x;
  return graph.node('Relu', [graph.node('Add', [wide, shortcut])]);
}

/** The average of 2×2 cells: a stride without aliasing. */
function halved({ graph }: Scope, x: string): string {
  return graph.node('AveragePool', [x], { kernel_shape: [2, 2], strides: [2, 2] });
}

/** Cells [N,C,G,G] → [N,d]: their mean, in front of them, asks all of them. */
function attentionPool(scope: Scope, encoder: EncoderOf<'clip-resnet'>, cells: string): string {
  const { graph, weights } = scope;
  const { heads, image } = encoder;
  const width = 32 * encoder.width;
  const count = (image.size / 32) ** 2;
  const flat = graph.node('Reshape', [cells, graph.integers([-1, width, count])]);
  const rows = graph.node('Transpose', [flat], { perm: [0, 2, 1] });
  const mean = graph.node('ReduceMean', [rows, graph.integers([1])], { keepdims: 1 });
  const sequence = graph.node('Concat', [mean, rows], { axis: 1 });
  const placed = graph.node('Add', [sequence, weights.float('encoder.attnpool.positional_embedding')]);
  const all = graph.node('Reshape', [placed, graph.integers([-1, width])]);
  const first = graph.node('Gather', [placed, graph.integers([0], [])], { axis: 1 });

  const one = headsOf(graph, 1, width, heads);
  const every = headsOf(graph, count + 1, width, heads);
  const project = (x: string, part: string, split: typeof one): string =>
    splitHeads(graph, linear(scope, x, `encoder.attnpool.${part}`, width), split);
  const operands = [
    project(first, 'q_proj', one),
    project(all, 'k_proj', every),
    project(all, 'v_proj', every),
  ] as const;
  return linear(scope, attend(graph, one, operands).mixed, 'encoder.attnpool.c_proj', width);
}
