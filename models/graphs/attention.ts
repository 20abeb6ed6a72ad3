/** Scaled dot-product attention (Vaswani et al. 2017, §3.2), which every transformer here shares. */
import type { GraphBuilder } from './graph.js';

export interface Heads {
  readonly heads: number;
  /** Of one head. */
  readonly headWidth: number;
  /** Int64 [4]: N (−1), positions, heads, head width. */
  readonly shape: string;
}

/** How rows of `positions` a sequence are split into heads; a known number of positions makes the shape a constant. */
export function headsOf(graph: GraphBuilder, positions: number, width: number, heads: number): Heads {
  const headWidth = width / heads;
  return { heads, headWidth, shape: graph.integers([-1, positions, heads, headWidth]) };
}

/** [N·T,D] → [N,H,T,D/H] */
export function splitHeads(graph: GraphBuilder, x: string, { shape }: Heads): string {
  return graph.node('Transpose', [graph.node('Reshape', [x, shape])], { perm: [0, 2, 1, 3] });
}

interface Attended {
  /** [N·T,D] */
  readonly mixed: string;
  /** After softmax, [N,H,T,S]. */
  readonly probabilities: string;
}

/**
 * Queries [N,H,T,D/H] over keys and values [N,H,S,D/H]: softmax(QKᵀ·(D/H)^−½ + mask)·V
 * @param mask broadcasts to [N,H,T,S]; left out, every position sees all
 */
export function attend(
  graph: GraphBuilder,
  { heads, headWidth }: Pick<Heads, 'heads' | 'headWidth'>,
  [query, keys, values]: readonly [string, string, string],
  mask?: string,
): Attended {
  const products = graph.node('MatMul', [query, graph.node('Transpose', [keys], { perm: [0, 1, 3, 2] })]);
  const scaled = graph.node('Mul', [products, graph.floats([headWidth ** -0.5], [])]);
  const scores = mask === undefined ? scaled : graph.node('Add', [scaled, mask]);
  const probabilities = graph.node('Softmax', [scores], { axis: -1 });
  const mixed = graph.node('Transpose', [graph.node('MatMul', [probabilities, values])], { perm: [0, 2, 1, 3] });
  return {
    mixed: graph.node('Reshape', [mixed, graph.integers([-1, heads * headWidth])]),
    probabilities,
  };
}

/** New positions start … end−1 (int64 [1]) against positions 0 … end−1: 0 where one may look, −∞ where the other lies ahead. */
export function causalMask(graph: GraphBuilder, start: string, end: string): string {
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

/** Layers' values of one shape [N,…] as one tensor [N,L,…]. */
export function stackLayers(graph: GraphBuilder, layers: readonly string[]): string {
  const axis = graph.integers([1]);
  const unsqueezed = layers.map((layer) => graph.node('Unsqueeze', [layer, axis]));
  return graph.node('Concat', unsqueezed, { axis: 1 });
}
