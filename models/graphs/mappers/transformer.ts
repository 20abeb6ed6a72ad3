/**
 * The transformer mapper of ClipCap (Mokady et al. 2021, §3.3; `TransformerMapper` of the reference implementation): the
 * image embedding as C rows, then K learned rows; pre-norm blocks in which every row sees all; the last K are the prefix.
 */
import { attend, headsOf, splitHeads, stackLayers } from '../attention.js';
import { feedForward, layerNorm, linear } from '../blocks.js';
import type { Scope } from '../weights.js';
import type { MapperOf, MapperWidths } from './kinds.js';

interface MappedPrefix {
  /** [N,K,D] */
  readonly prefix: string;
  /** Adds what stacks the probabilities of all layers to the graph: [N,L,H,C+K,C+K]. */
  readonly attentions: () => string;
}

export function transformerMapper(
  scope: Scope,
  { prefixLength, clipLength, layers, heads }: MapperOf<'transformer'>,
  { inputs, width }: MapperWidths,
  embeds: string,
): MappedPrefix {
  const { graph, weights } = scope;
  const positions = clipLength + prefixLength;
  const split = headsOf(graph, positions, width, heads);
  const probabilities: string[] = [];

  const attention = (x: string, name: string): string => {
    const queries = linear(scope, x, `${name}.to_queries`, width, { bias: '' });
    const both = linear(scope, x, `${name}.to_keys_values`, width, { bias: '' });
    const [keys, values] = graph.node2('Split', [both], { axis: 1, num_outputs: 2 });
    const operands = [queries, keys, values].map((rows) => splitHeads(graph, rows, split));
    const attended = attend(graph, split, [operands[0]!, operands[1]!, operands[2]!]);
    probabilities.push(attended.probabilities);
    return linear(scope, attended.mixed, `${name}.project`, width);
  };

  const clip = linear(scope, embeds, 'clip_project.linear', inputs);
  const clipRows = graph.node('Reshape', [clip, graph.integers([-1, clipLength, width])]);
  const images = graph.node('Shape', [embeds], { start: 0, end: 1 });
  const learnedShape = graph.node('Concat', [images, graph.integers([prefixLength, width])], { axis: 0 });
  const learned = graph.node('Expand', [weights.float('clip_project.prefix_const'), learnedShape]);
  const sequence = graph.node('Concat', [clipRows, learned], { axis: 1 });

  let x = graph.node('Reshape', [sequence, graph.integers([-1, width])]);
  for (let layer = 0; layer < layers; layer++) {
    const name = `clip_project.transformer.layers.${layer}`;
    x = graph.node('Add', [x, attention(layerNorm(scope, x, `${name}.norm1`), `${name}.attn`)]);
    const changed = feedForward(
      scope,
      layerNorm(scope, x, `${name}.norm2`),
      [`${name}.mlp.fc1`, `${name}.mlp.fc2`],
      [width, 2 * width],
      (hidden) => graph.node('Relu', [hidden]),
    );
    x = graph.node('Add', [x, changed]);
  }

  const rows = graph.node('Reshape', [x, graph.integers([-1, positions, width])]);
  const [start, end, axis] = [clipLength, positions, 1].map((value) => graph.integers([value]));
  return {
    prefix: graph.node('Slice', [rows, start!, end!, axis!]),
    attentions: () => stackLayers(graph, probabilities),
  };
}
