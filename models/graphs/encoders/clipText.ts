/**
 * CLIP's text side (Radford et al. 2021): a causal transformer under the names of OpenAI's checkpoints. Of texts that
 * begin alike, what is equal is computed once: no position sees those behind it.
 */
import type { TextTower } from '@clipcap/protocol/inference';
import type { Safetensors } from '../../pack/safetensors.js';
import { attend, causalMask, splitHeads } from '../attention.js';
import { layerNorm, linear } from '../blocks.js';
import { GraphBuilder } from '../graph.js';
import { Weights } from '../weights.js';
import { clipBlock } from './clipBlock.js';

/**
 * `input_ids` int64 `[N,T]`, the tokens after `beginning`, filled up with anything behind a text's end; `end_rows` int64
 * `[N]`, n·T + the place of text n's end in its row → `text_embeds [N,d]`, not normalised
 * @param beginning the first tokens of all texts, at least one
 */
export function clipText(tower: TextTower, file: Safetensors, beginning: readonly number[]): Uint8Array {
  const { width, layers, heads, embeddingWidth } = tower;
  const graph = new GraphBuilder();
  const scope = { graph, weights: new Weights(graph, file) };
  const headWidth = width / heads;
  const sizes = (...values: readonly number[]): string => graph.integers(values);

  const ids = graph.input('input_ids', 'int64', ['N', 'T']);
  const ends = graph.input('end_rows', 'int64', ['N']);
  const shared = beginning.length;
  const [first, after, last] = [sizes(0), sizes(shared), sizes(2 ** 31 - 1)];
  const texts = graph.node('Shape', [ids], { start: 0, end: 1 });
  const added = graph.node('Shape', [ids], { start: 1, end: 2 });
  const length = graph.node('Add', [after, added]);

  const embedded = (tokens: string, from: string, until: string): string => {
    const rows = scope.weights.rows('token_embedding.weight', tokens, width);
    const positions = graph.node('Slice', [scope.weights.float('positional_embedding'), from, until]);
    return graph.node('Reshape', [graph.node('Add', [rows, positions]), sizes(-1, width)]);
  };
  // Rows of the beginning, then of every text: linears take both as one matrix.
  const join = (ofBeginning: string, ofTexts: string): string =>
    graph.node('Concat', [ofBeginning, ofTexts], { axis: 0 });
  let x = join(embedded(sizes(...beginning), first, after), embedded(ids, after, length));

  const ofBeginning = { heads, headWidth, shape: sizes(1, shared, heads, headWidth) };
  const shape = graph.node('Concat', [texts, added, sizes(heads, headWidth)], { axis: 0 });
  const ofTexts = { heads, headWidth, shape };
  const copies = graph.node('Concat', [texts, sizes(1, 1, 1)], { axis: 0 });
  const masks = [causalMask(graph, first, after), causalMask(graph, after, length)] as const;

  const attention = (...parts: readonly [query: string, keys: string, values: string]): string => {
    const split = (into: typeof ofTexts, from: string, until: string): [string, string, string] => {
      const [query, keys, values] = parts.map((rows) =>
        splitHeads(graph, graph.node('Slice', [rows, from, until]), into),
      );
      return [query!, keys!, values!];
    };
    const before = split(ofBeginning, first, after);
    const [query, keys, values] = split(ofTexts, after, last);
    const all = (earlier: string, own: string): string =>
      graph.node('Concat', [graph.node('Expand', [earlier, copies]), own], { axis: 2 });
    return join(
      attend(graph, ofBeginning, before, masks[0]).mixed,
      attend(graph, ofTexts, [query, all(before[1], keys), all(before[2], values)], masks[1]).mixed,
    );
  };
  const endsOf = (rows: string): string => graph.node('Gather', [rows, graph.node('Add', [ends, after])], { axis: 0 });
  for (let layer = 0; layer < layers; layer++) {
    const kept = layer === layers - 1 ? endsOf : undefined;
    x = clipBlock(scope, tower, x, `transformer.resblocks.${layer}`, attention, kept);
  }
  const projection = { stored: 'in-out', weight: 'text_projection', bias: '' } as const;
  const embeds = linear(scope, layerNorm(scope, x, 'ln_final'), 'text_projection', width, projection);
  graph.output('text_embeds', embeds, 'float32', ['N', embeddingWidth]);
  return graph.build('clip-text');
}
