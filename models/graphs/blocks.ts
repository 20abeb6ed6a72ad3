/** What all architectures are made of. Activations are rows [R,width]: a linear is then one matrix product. */
import { blockSize } from '../pack/blockQuantisation.js';
import type { Scope } from './weights.js';

interface LinearOptions {
  /** PyTorch's `nn.Linear` stores [out,in]; GPT-2 and CLIP's `proj` store [in,out]. */
  readonly stored?: 'out-in' | 'in-out';
  /** The tensors' names, where they are not `name.weight` and `name.bias`; an empty bias is none. */
  readonly weight?: string;
  readonly bias?: string;
  /** Not in 16 bit, whatever its neighbours are: logits around 100 would be steps of 1/16. */
  readonly isPrecise?: boolean;
}

/** x [R,inputs] → x·Wᵀ + b [R,outputs]. Block-quantised matrices are [outputs,inputs] whatever the checkpoint's layout. */
export function linear(
  { graph, weights }: Scope,
  x: string,
  name: string,
  inputs: number,
  { stored = 'out-in', weight = `${name}.weight`, bias = `${name}.bias`, isPrecise = false }: LinearOptions = {},
): string {
  const added = bias === '' ? [] : [weights.float(bias)];
  const matrix = weights.blocks(weight);
  const half = isPrecise ? undefined : weights.half(weight);
  const transB = stored === 'out-in' ? 1 : 0;
  if (half !== undefined) {
    const product = graph.cast(graph.node('Gemm', [graph.cast(x, 'float16'), half], { transB }), 'float32');
    return added.length > 0 ? graph.node('Add', [product, ...added]) : product;
  }
  if (!matrix) return graph.node('Gemm', [x, weights.float(weight), ...added], { transB });
  // No zero points (2^(bits−1) is understood) and no order of groups. Accuracy 4: activations are rounded to 8 bit, too.
  const operands = [x, matrix.values, matrix.scales, ...(added.length > 0 ? ['', '', ...added] : [])];
  const { bits, rows } = matrix;
  return graph.node('MatMulNBits', operands, {
    K: inputs,
    N: rows,
    bits,
    block_size: blockSize,
    accuracy_level: 4,
  });
}

/** Normalises the last axis. */
export function layerNorm({ graph, weights }: Scope, x: string, name: string, epsilon = 1e-5): string {
  return graph.node('LayerNormalization', [x, weights.float(`${name}.weight`), weights.float(`${name}.bias`)], {
    axis: -1,
    epsilon,
  });
}

/** How an activation is called in manifests: Gelu exact, by its tanh approximation (GPT-2), or x·σ(1.702x) (CLIP). */
export type GeluKind = 'gelu' | 'gelu-tanh' | 'quick-gelu';

export function gelu({ graph }: Scope, x: string, kind: GeluKind): string {
  if (kind !== 'quick-gelu') return graph.node('Gelu', [x], { approximate: kind === 'gelu' ? 'none' : 'tanh' });
  const gate = graph.node('Sigmoid', [graph.node('Mul', [x, graph.floats([1.702], [])])]);
  return graph.node('Mul', [x, gate]);
}

/** The usual feed-forward network: [R,width] → [R,hidden] → activation → [R,width]. */
export function feedForward(
  scope: Scope,
  x: string,
  [first, second]: readonly [string, string],
  [width, hidden]: readonly [number, number],
  activation: (hidden: string) => string,
  stored: 'out-in' | 'in-out' = 'out-in',
): string {
  const activated = activation(linear(scope, x, first, width, { stored }));
  return linear(scope, activated, second, hidden, { stored });
}

interface ConvolutionOptions {
  readonly stride?: number;
  readonly padding?: number;
  readonly bias?: boolean;
}

/** x [N,in,H,W] * `name.weight` [out,in,k,k] → [N,out,H',W'] */
export function convolution(
  { graph, weights }: Scope,
  x: string,
  name: string,
  { stride = 1, padding = 0, bias = true }: ConvolutionOptions = {},
): string {
  const strides = { strides: [stride, stride], pads: [padding, padding, padding, padding] };
  const half = weights.half(`${name}.weight`);
  const added = bias ? [weights.float(`${name}.bias`)] : [];
  if (half === undefined) return graph.node('Conv', [x, weights.float(`${name}.weight`), ...added], strides);
  const operands = [x, half, ...added].map((value) => (value === half ? value : graph.cast(value, 'float16')));
  return graph.cast(graph.node('Conv', operands, strides), 'float32');
}
