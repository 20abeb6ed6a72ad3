/** Nearest vocabulary tokens of prefix rows: the exact cosine with every row of the token-embedding matrix. */
import type { PackManifest } from '../pack/manifest.js';
import type { Safetensors } from '../pack/safetensors.js';
import { GraphBuilder } from './graph.js';
import { weightsOf } from './weights.js';

/**
 * `rows [M,D]`, `k` int64 `[1]` → `scores [M,k]`, `ids` int64 `[M,k]`, best first, ties by lower id.
 * cosine = p·e / (‖p‖‖e‖); −1 where either norm is zero.
 */
export function nearestTokens(manifest: PackManifest, file: Safetensors): Uint8Array {
  const { width } = manifest.languageModel;
  const graph = new GraphBuilder();
  const zero = graph.floats([0], []);
  const one = graph.floats([1], []);

  /** Rows scaled to length 1 (zero rows stay zero), and which of them are zero, [rows,1]. */
  const normalise = (rows: string): { rows: string; isZero: string } => {
    const norms = graph.node('ReduceL2', [rows, graph.integers([1])], { keepdims: 1 });
    const isZero = graph.node('Equal', [norms, zero]);
    return { rows: graph.node('Div', [rows, graph.node('Where', [isZero, one, norms])]), isZero };
  };

  const prefix = normalise(graph.input('rows', 'float32', ['M', width]));
  const k = graph.input('k', 'int64', [1]);
  const vocabulary = normalise(weightsOf(graph, file)('gpt.transformer.wte.weight'));
  const cosine = graph.node('Gemm', [prefix.rows, vocabulary.rows], { transB: 1 });
  const undefinedPairs = graph.node('Or', [
    prefix.isZero,
    graph.node('Transpose', [vocabulary.isZero], { perm: [1, 0] }),
  ]);
  const scores = graph.node('Where', [undefinedPairs, graph.floats([-1], []), cosine]);
  // TopK breaks ties by the lower index, by its definition.
  const [best, ids] = graph.node2('TopK', [scores, k], { axis: 1, largest: 1, sorted: 1 });
  graph.output('scores', best, 'float32', ['M', 'k']);
  graph.output('ids', ids, 'int64', ['M', 'k']);
  return graph.build('nearest');
}
