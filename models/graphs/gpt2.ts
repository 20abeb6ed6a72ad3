/**
 * GPT-2 (Radford et al. 2019) as one graph for prefill and for steps: embeddings and token ids go in, keys and values
 * of earlier positions are passed from run to run. Pre-norm blocks, tanh Gelu, learned positions from 0,
 * a head that is the token embedding (tied) or a matrix of its own.
 *
 * The cache of keys and values has a row for each token that was computed, and every sequence says which rows it attends to:
 * beams that begin alike share their rows, and a beam that takes another's place copies none.
 */
import type { LanguageModelManifest } from '../pack/manifest.js';
import type { Safetensors } from '../pack/safetensors.js';
import { attend, causalMask, splitHeads, stackLayers, type Heads } from './attention.js';
import { feedForward, gelu, layerNorm, linear } from './blocks.js';
import { GraphBuilder } from './graph.js';
import { Weights, type Scope } from './weights.js';

/** What a variant of the step graph gives beside logits. */
type DecoderVariant = 'attentions' | 'hidden_states';

/** What a graph declares beside logits is computed and kept until a run's end, whether it is fetched or not. */
interface StepOutputs {
  /** Keys and values for the next step: its rows only, or with those before them. Default: neither. */
  readonly cache?: 'added' | 'present';
  readonly variants?: readonly DecoderVariant[];
}

/** What every block of one graph shares. */
interface Context extends Scope, Heads {
  readonly width: number;
  /** Added to attention scores, [P+T, S+P+T]: 0 where a position may look, −∞ where it lies ahead. */
  readonly causalMask: string;
}

/** From keys and values of a layer's new positions [N·(P+T),D] to all that are attended to, each [N,H,S+P+T,D/H]. */
type Remember = (layer: number, key: string, value: string) => readonly [string, string];

interface Past {
  readonly key: string;
  readonly value: string;
}

/**
 * `inputs_embeds [N,P,D]`, `input_ids` int64 `[N,T]` (P or T may be 0; ids follow embeds), `past_key_i`, `past_value_i`
 * `[R,D]`, `attended_rows` int32 `[S+P+T,N]` → `logits [N,V]` of the last position. Column n of `attended_rows` names the rows of
 * past and added keys that are sequence n's positions 0 … S+P+T−1; its last P+T are its own, R + n·(P+T) and on.
 * Positions come first, because the products of attention take keys and values in that order without a copy.
 * @param outputs `added`: `added_key_i`, `added_value_i` `[N·(P+T),D]`; `present`: `present_key_i`, `present_value_i`
 * `[R+N·(P+T),D]`, past and added; `attentions [N,L,H,P+T,S+P+T]` (after softmax); `hidden_states [N,L+1,P+T,D]` (0 = embeddings
 * and positions, then after each block; the final normalisation is not applied)
 */
export function gpt2Step(
  model: LanguageModelManifest,
  file: Safetensors,
  { cache, variants = [] }: StepOutputs = {},
): Uint8Array {
  const { width, layers, heads, vocabulary } = model;
  const headWidth = width / heads;
  const graph = new GraphBuilder();
  const weights = new Weights(graph, file);

  const embeds = graph.input('inputs_embeds', 'float32', ['N', 'P', width]);
  const ids = graph.input('input_ids', 'int64', ['N', 'T']);
  const attendedRows = graph.input('attended_rows', 'int32', ['S+P+T', 'N']);
  const pasts = Array.from({ length: layers }, (_, layer): Past => {
    const shape = ['R', width];
    return {
      key: graph.input(`past_key_${layer}`, 'float32', shape),
      value: graph.input(`past_value_${layer}`, 'float32', shape),
    };
  });

  const tokens = weights.rows('gpt.transformer.wte.weight', ids, width);
  const embedded = graph.node('Concat', [embeds, tokens], { axis: 1 });
  const sequences = graph.node('Shape', [embedded], { start: 0, end: 1 });
  const added = graph.node('Shape', [embedded], { start: 1, end: 2 });
  const end = graph.node('Shape', [attendedRows], { start: 0, end: 1 });
  const start = graph.node('Sub', [end, added]);

  const byHead = (...dimensions: readonly string[]): string =>
    graph.node('Concat', [...dimensions, graph.integers([heads, headWidth])], { axis: 0 });
  const context: Context = {
    graph,
    weights,
    width,
    heads,
    headWidth,
    shape: byHead(sequences, added),
    causalMask: causalMask(graph, start, end),
  };
  const attendedShape = byHead(end, sequences);
  /** Rows of the past [R,D] and of a layer's new positions [N·(P+T),D] → those that are attended to [N,H,S+P+T,D/H] */
  const extend = (past: string, own: string, name: string): string => {
    const present = graph.node('Concat', [past, own], { axis: 0 });
    if (cache === 'added') graph.output(`added_${name}`, own, 'float32', ['N·(P+T)', width]);
    if (cache === 'present') graph.output(`present_${name}`, present, 'float32', ['R+N·(P+T)', width]);
    const taken = graph.node('Reshape', [graph.node('Gather', [present, attendedRows], { axis: 0 }), attendedShape]);
    return graph.node('Transpose', [taken], { perm: [1, 2, 0, 3] });
  };
  const remember: Remember = (layer, key, value) => [
    extend(pasts[layer]!.key, key, `key_${layer}`),
    extend(pasts[layer]!.value, value, `value_${layer}`),
  ];
  const positions = graph.node('Slice', [weights.float('gpt.transformer.wpe.weight'), start, end]);
  // Blocks work on [N·(P+T), D]: linears are then single products with their bias.
  let x = graph.node('Reshape', [graph.node('Add', [embedded, positions]), graph.integers([-1, width])]);
  const hidden = [x];
  const attentions: string[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const after = block(context, layer, x, remember);
    x = after.x;
    hidden.push(x);
    attentions.push(after.probabilities);
  }

  const sequenceShape = graph.node('Concat', [sequences, added, graph.integers([width])], { axis: 0 });
  const sequence = (value: string): string => graph.node('Reshape', [value, sequenceShape]);
  const last = graph.node('Gather', [sequence(x), graph.integers([-1], [])], { axis: 1 });
  const normalised = layerNorm(context, last, 'gpt.transformer.ln_f');
  const head = model.tiedHead ? 'gpt.transformer.wte' : 'gpt.lm_head';
  graph.output('logits', linear(context, normalised, head, width, { bias: '', isPrecise: true }), 'float32', [
    'N',
    vocabulary,
  ]);
  if (variants.includes('attentions')) {
    const shape = ['N', layers, heads, 'P+T', 'S+P+T'];
    graph.output('attentions', stackLayers(graph, attentions), 'float32', shape);
  }
  if (variants.includes('hidden_states')) {
    const states = stackLayers(graph, hidden.map(sequence));
    graph.output('hidden_states', states, 'float32', ['N', layers + 1, 'P+T', width]);
  }
  return graph.build('gpt2');
}

/** x [R,D] → [R,D] and the attention probabilities. */
function block(context: Context, layer: number, x: string, remember: Remember): { x: string; probabilities: string } {
  const { graph, width } = context;
  const name = `gpt.transformer.h.${layer}`;
  const { mixed, probabilities } = attention(context, layer, layerNorm(context, x, `${name}.ln_1`), remember);
  const projected = linear(context, mixed, `${name}.attn.c_proj`, width, { stored: 'in-out' });
  const attended = graph.node('Add', [x, projected]);
  const changed = feedForward(
    context,
    layerNorm(context, attended, `${name}.ln_2`),
    [`${name}.mlp.c_fc`, `${name}.mlp.c_proj`],
    [width, 4 * width],
    (hidden) => gelu(context, hidden, 'gelu-tanh'),
    'in-out',
  );
  return { x: graph.node('Add', [attended, changed]), probabilities };
}

/** Multi-head attention over earlier and new positions: x [R,D] → [R,D] before its projection. */
function attention(context: Context, layer: number, x: string, remember: Remember): ReturnType<typeof attend> {
  const { graph, width, causalMask: mask } = context;
  const projected = linear(context, x, `gpt.transformer.h.${layer}.attn.c_attn`, width, { stored: 'in-out' });
  const [query, key, value] = graph.node3('Split', [projected], { axis: 1, num_outputs: 3 });
  const [keys, values] = remember(layer, key, value);
  return attend(graph, context, [splitHeads(graph, query, context), keys, values], mask);
}
