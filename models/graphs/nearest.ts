/** Nearest vocabulary tokens of prefix rows: the exact cosine with every row of the token-embedding matrix. */
import type { PackManifest } from '../pack/manifest.js';
import type { Safetensors } from '../pack/safetensors.js';
import { GraphBuilder } from './graph.js';
import { Weights } from './weights.js';

/**
 * `rows [M,D]`, `k` int64 `[1]` → `scores [M,k]`, `ids` int64 `[M,k]`, best first, ties by lower id.
 * cosine = p·e / (‖p‖‖e‖); −1 where either norm is zero.
 */
export function nearestTokens(manifest: PackManifest, file: Safetensors): Uint8Array {
  const { width } = manifest.languageModel;
  const graph = new GraphBuilder();
  const zero = graph.floats([0], []);
  const one = graph.floats([1], []);
  const minusOne = graph.floats([-1], []);

  /** Norms of rows [rows,1], 1 for a zero row so that it can be divided by, and which rows are zero. */
  const lengths = (rows: string): { norms: string; isZero: string } => {
    const norms = graph.node('ReduceL2', [rows, graph.integers([1])], { keepdims: 1 });
    const isZero = graph.node('Equal', [norms, zero]);
    return { norms: graph.node('Where', [isZero, one, norms]), isZero };
  };
  const transpose = (column: string): string => graph.node('Transpose', [column], { perm: [1, 0] });

  const rows = graph.input('rows', 'float32', ['M', width]);
  const k = graph.input('k', 'int64', [1]);
  const prefix = lengths(rows);
  const matrix = new Weights(graph, file).matrix('gpt.transformer.wte.weight', width);
  // Products are divided by the tokens' norms, not the tokens themselves: no second matrix of that size is made.
  const vocabulary = lengths(matrix);
  const products = graph.node('Gemm', [graph.node('Div', [rows, prefix.norms]), matrix], { transB: 1 });
  const cosine = graph.node('Mul', [products, graph.node('Div', [one, transpose(vocabulary.norms)])]);
  // A zero token's product is 0. What depends on tokens alone is folded when the session is made; over all pairs an
  // addition is quicker than a choice.
  const ofZeroToken = graph.node('Where', [transpose(vocabulary.isZero), minusOne, zero]);
  // TopK breaks ties by the lower index, by its definition.
  const [best, ids] = graph.node2('TopK', [graph.node('Add', [cosine, ofZeroToken]), k], {
    axis: 1,
    largest: 1,
    sorted: 1,
  });
  // To a zero row all tokens are equally near.
  const firstIds = graph.node('Range', [graph.integers([0], []), graph.node('Squeeze', [k]), graph.integers([1], [])]);
  graph.output('scores', graph.node('Where', [prefix.isZero, minusOne, best]), 'float32', ['M', 'k']);
  graph.output('ids', graph.node('Where', [prefix.isZero, firstIds, ids]), 'int64', ['M', 'k']);
  return graph.build('nearest');
}
