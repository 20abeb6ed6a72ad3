/**
 * GPT-2 (Radford et al. 2019) as one graph for prefill and for steps: embeddings and token ids go in, keys and values
 * of earlier positions are passed from run to run. Pre-norm blocks, tanh Gelu, learned positions from 0, tied head.
 */
import type { LanguageModelManifest } from '../pack/manifest.js';
import type { Safetensors } from '../pack/safetensors.js';
import { GraphBuilder } from './graph.js';
import { weightsOf, type Weights } from './weights.js';

const epsilon = 1e-5;

/** What every block of one graph shares. */
interface Context {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
  readonly heads: number;
  readonly headWidth: number;
  /** Shape [N, P+T, H, D/H] of one layer's queries, keys or values. */
  readonly headShape: string;
  /** Added to attention scores, [P+T, S+P+T]: 0 where a position may look, −∞ where it lies ahead. */
  readonly causalMask: string;
  /** Cache row that each row continues, int64 [N]. */
  readonly beamIndex: string;
}

interface Past {
  readonly key: string;
  readonly value: string;
}

/**
 * `inputs_embeds [N,P,D]`, `input_ids` int64 `[N,T]` (P or T may be 0; ids follow embeds), `past_key_i`, `past_value_i`
 * `[M,H,S,D/H]`, `beam_idx` int64 `[N]` → `logits [N,V]` of the last position, `present_key_i`, `present_value_i`
 * `[N,H,S+P+T,D/H]`. Positions are S … S+P+T−1.
 */
export function gpt2Step(model: LanguageModelManifest, file: Safetensors): Uint8Array {
  const { width, layers, heads, vocabulary } = model;
  const headWidth = width / heads;
  const graph = new GraphBuilder();
  const weights = weightsOf(graph, file);

  const embeds = graph.input('inputs_embeds', 'float32', ['N', 'P', width]);
  const ids = graph.input('input_ids', 'int64', ['N', 'T']);
  const beamIndex = graph.input('beam_idx', 'int64', ['N']);
  const pasts = Array.from({ length: layers }, (_, layer): Past => {
    const shape = ['M', heads, 'S', headWidth];
    return {
      key: graph.input(`past_key_${layer}`, 'float32', shape),
      value: graph.input(`past_value_${layer}`, 'float32', shape),
    };
  });

  const tokens = graph.node('Gather', [weights('gpt.transformer.wte.weight'), ids]);
  const embedded = graph.node('Concat', [embeds, tokens], { axis: 1 });
  const rows = graph.node('Shape', [embedded], { start: 0, end: 1 });
  const added = graph.node('Shape', [embedded], { start: 1, end: 2 });
  const start = graph.node('Shape', [pasts[0]!.key], { start: 2, end: 3 });
  const end = graph.node('Add', [start, added]);

  const context: Context = {
    graph,
    weights,
    heads,
    headWidth,
    headShape: graph.node('Concat', [rows, added, graph.integers([heads, headWidth])], { axis: 0 }),
    causalMask: causalMask(graph, start, end),
    beamIndex,
  };
  const positions = graph.node('Slice', [weights('gpt.transformer.wpe.weight'), start, end]);
  // Blocks work on [N·(P+T), D]: linears are then single Gemms with their bias.
  let x = graph.node('Reshape', [graph.node('Add', [embedded, positions]), graph.integers([-1, width])]);
  for (const [layer, past] of pasts.entries()) x = block(context, layer, x, past);

  const sequence = graph.node('Reshape', [
    x,
    graph.node('Concat', [rows, added, graph.integers([width])], { axis: 0 }),
  ]);
  const last = graph.node('Gather', [sequence, graph.integers([-1], [])], { axis: 1 });
  const normalised = layerNorm(context, last, 'gpt.transformer.ln_f');
  const logits = graph.node('Gemm', [normalised, weights('gpt.transformer.wte.weight')], { transB: 1 });
  graph.output('logits', logits, 'float32', ['N', vocabulary]);
  return graph.build('gpt2');
}

/** x [R,D] → [R,D]; declares the layer's `present_*` outputs. */
function block(context: Context, layer: number, x: string, past: Past): string {
  const { graph } = context;
  const name = `gpt.transformer.h.${layer}`;
  const attended = attention(context, layer, layerNorm(context, x, `${name}.ln_1`), past);
  const afterAttention = graph.node('Add', [x, linear(context, attended, `${name}.attn.c_proj`)]);
  const hidden = linear(context, layerNorm(context, afterAttention, `${name}.ln_2`), `${name}.mlp.c_fc`);
  const activated = graph.node('Gelu', [hidden], { approximate: 'tanh' });
  return graph.node('Add', [afterAttention, linear(context, activated, `${name}.mlp.c_proj`)]);
}

/** Multi-head attention over the cache and the new positions: x [R,D] → [R,D]. */
function attention(context: Context, layer: number, x: string, past: Past): string {
  const { graph, heads, headWidth } = context;
  const projected = linear(context, x, `gpt.transformer.h.${layer}.attn.c_attn`);
  const [query, key, value] = graph.node3('Split', [projected], { axis: 1, num_outputs: 3 });
  const keys = extend(context, past.key, key, `present_key_${layer}`);
  const values = extend(context, past.value, value, `present_value_${layer}`);

  const products = graph.node('MatMul', [
    splitHeads(context, query),
    graph.node('Transpose', [keys], { perm: [0, 1, 3, 2] }),
  ]);
  const scores = graph.node('Mul', [products, graph.floats([headWidth ** -0.5], [])]);
  const probabilities = graph.node('Softmax', [graph.node('Add', [scores, context.causalMask])], { axis: -1 });
  const mixed = graph.node('Transpose', [graph.node('MatMul', [probabilities, values])], { perm: [0, 2, 1, 3] });
  return graph.node('Reshape', [mixed, graph.integers([-1, heads * headWidth])]);
}

/** The cache rows that are continued, followed by the new positions: [N,H,S+P+T,D/H]; declared as an output. */
function extend(context: Context, past: string, added: string, output: string): string {
  const { graph, heads, headWidth, beamIndex } = context;
  const continued = graph.node('Gather', [past, beamIndex], { axis: 0 });
  const extended = graph.node('Concat', [continued, splitHeads(context, added)], { axis: 2 });
  graph.output(output, extended, 'float32', ['N', heads, 'S+P+T', headWidth]);
  return extended;
}

/** [R,D] → [N,H,P+T,D/H] */
function splitHeads({ graph, headShape }: Context, x: string): string {
  return graph.node('Transpose', [graph.node('Reshape', [x, headShape])], { perm: [0, 2, 1, 3] });
}

function linear({ graph, weights }: Context, x: string, name: string): string {
  return graph.node('Gemm', [x, weights(`${name}.weight`), weights(`${name}.bias`)]);
}

function layerNorm({ graph, weights }: Pick<Context, 'graph' | 'weights'>, x: string, name: string): string {
  return graph.node('LayerNormalization', [x, weights(`${name}.weight`), weights(`${name}.bias`)], {
    axis: -1,
    epsilon,
  });
}

/** New positions start … end−1 against positions 0 … end−1. */
function causalMask(graph: GraphBuilder, start: string, end: string): string {
  const first = graph.integers([0], []);
  const step = graph.integers([1], []);
  const scalar = (value: string): string => graph.node('Squeeze', [value]);
  const queries = graph.node('Unsqueeze', [
    graph.node('Range', [scalar(start), scalar(end), step]),
    graph.integers([1]),
  ]);
  const keys = graph.node('Range', [first, scalar(end), step]);
  const visible = graph.node('LessOrEqual', [keys, queries]);
  return graph.node('Where', [visible, graph.floats([0], []), graph.floats([-Infinity], [])]);
}
