/** What the Prefix Lens asks of a vocabulary: the nearest tokens in four metrics, embeddings by id, and the output head. */
import type { PackManifest } from '../pack/manifest.js';
import type { Safetensors } from '../pack/safetensors.js';
import { layerNorm, linear } from './blocks.js';
import { GraphBuilder } from './graph.js';
import { Weights } from './weights.js';

const embedding = 'gpt.transformer.wte.weight';

/**
 * `rows [M,D]`, `mask [1,V]` (0, or −∞ for tokens that are left out), `k` int64 `[1]` → for each metric its nearest
 * tokens' ids, int64 `[M,k]`, best first, ties by lower id: `cosine`, `dot`, `euclidean`, `centred`; and `mean [1,D]`, μ.
 *
 * One product with the embeddings serves all four, because the order of tokens for one row p is that of
 * p·e/‖e‖, p·e, 2p·e − ‖e‖², and (p·e − μ·e − p·μ + μ·μ)/‖e−μ‖. What depends on e alone is folded when the session is made.
 */
export function nearestInFourMetrics(manifest: PackManifest, file: Safetensors): Uint8Array {
  const { width } = manifest.languageModel;
  const graph = new GraphBuilder();
  const zero = graph.floats([0], []);
  const one = graph.floats([1], []);
  const rowwise = graph.integers([1]);

  const rows = graph.input('rows', 'float32', ['M', width]);
  const mask = graph.input('mask', 'float32', [1, manifest.languageModel.vocabulary]);
  const k = graph.input('k', 'int64', [1]);
  const norm = (matrix: string): string => graph.node('ReduceL2', [matrix, rowwise], { keepdims: 1 });
  const turned = (column: string): string => graph.node('Transpose', [column], { perm: [1, 0] });
  /** The angle's part that orders tokens: products / ‖e‖; where ‖e‖ = 0 the cosine −1, in the same unit ‖p‖. */
  const byAngle = (products: string, from: string, to: string): string => {
    const norms = turned(norm(to));
    const isZero = graph.node('Equal', [norms, zero]);
    const divided = graph.node('Mul', [products, graph.node('Div', [one, graph.node('Where', [isZero, one, norms])])]);
    return graph.node('Where', [isZero, graph.node('Neg', [norm(from)]), divided]);
  };
  const best = (name: string, keys: string): void => {
    // TopK breaks ties by the lower index, by its definition.
    const [, ids] = graph.node2('TopK', [graph.node('Add', [keys, mask]), k], { axis: 1, largest: 1, sorted: 1 });
    graph.output(name, ids, 'int64', ['M', 'k']);
  };

  const matrix = new Weights(graph, file).matrix(embedding, width);
  const products = graph.node('Gemm', [rows, matrix], { transB: 1 });
  best('cosine', byAngle(products, rows, matrix));
  best('dot', products);
  const squares = turned(graph.node('ReduceSumSquare', [matrix, rowwise], { keepdims: 1 }));
  const half = graph.node('Mul', [squares, graph.floats([0.5], [])]);
  best('euclidean', graph.node('Sub', [products, half]));

  const mean = graph.node('ReduceMean', [matrix, graph.integers([0])], { keepdims: 1 });
  const away = graph.node('Sub', [matrix, mean]);
  const meanTimesTokens = graph.node('Gemm', [mean, away], { transB: 1 });
  const rowsTimesMean = graph.node('Gemm', [rows, mean], { transB: 1 });
  // (p−μ)·(e−μ) = p·e − p·μ − μ·(e−μ)
  const centred = graph.node('Sub', [graph.node('Sub', [products, meanTimesTokens]), rowsTimesMean]);
  best('centred', byAngle(centred, graph.node('Sub', [rows, mean]), away));
  graph.output('mean', graph.node('Identity', [mean]), 'float32', [1, width]);
  return graph.build('nearest in four metrics');
}

/** `ids` int64 `[R]` → `rows [R,D]`: token embeddings as the decoder uses them. */
export function tokenEmbeddings(manifest: PackManifest, file: Safetensors): Uint8Array {
  const { width } = manifest.languageModel;
  const graph = new GraphBuilder();
  const ids = graph.input('ids', 'int64', ['R']);
  graph.output('rows', new Weights(graph, file).rows(embedding, ids, width), 'float32', ['R', width]);
  return graph.build('token embeddings');
}

/**
 * `states [R,D]`, `norm` bool `[1]` (whether the final layer norm comes first), `k` int64 `[1]` → `logits [R,k]`,
 * `ids` int64 `[R,k]`, best first, ties by lower id, and `log_sum [R,1]`, log Σ exp of all logits.
 */
export function outputHead(manifest: PackManifest, file: Safetensors): Uint8Array {
  const { width, tiedHead } = manifest.languageModel;
  const graph = new GraphBuilder();
  const scope = { graph, weights: new Weights(graph, file) };
  const states = graph.input('states', 'float32', ['R', width]);
  const norm = graph.input('norm', 'bool', [1]);
  const k = graph.input('k', 'int64', [1]);
  const x = graph.node('Where', [norm, layerNorm(scope, states, 'gpt.transformer.ln_f'), states]);
  const logits = linear(scope, x, tiedHead ? 'gpt.transformer.wte' : 'gpt.lm_head', width, {
    bias: '',
    isPrecise: true,
  });
  const [best, ids] = graph.node2('TopK', [logits, k], { axis: 1, largest: 1, sorted: 1 });
  graph.output('logits', best, 'float32', ['R', 'k']);
  graph.output('ids', ids, 'int64', ['R', 'k']);
  const sum = graph.node('ReduceLogSumExp', [logits, graph.integers([1])], { keepdims: 1 });
  graph.output('log_sum', sum, 'float32', ['R', 1]);
  return graph.build('output head');
}
