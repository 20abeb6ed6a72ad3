/** Batch normalisation as it runs after training is a scale and a shift per channel: the convolution before it takes both. */

/** Float32 values of one channel each. */
export interface BatchNorm {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

export interface FoldedConvolution {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/**
 * @param weight of a convolution without bias, [out,in,k,k] row-major
 * @param epsilon PyTorch's default, which CLIP uses
 * @returns weight and bias of the convolution that gives normalised outputs
 */
export function foldBatchNorm(weight: Float32Array, norm: BatchNorm, epsilon = 1e-5): FoldedConvolution {
  const channels = norm.weight.length;
  const gains = Float64Array.from(norm.weight, (gain, channel) => gain / Math.sqrt(norm.variance[channel]! + epsilon));
  const perChannel = weight.length / channels;
  return {
    weight: weight.map((value, index) => value * gains[Math.floor(index / perChannel)]!),
    bias: norm.bias.map((shift, channel) => shift - norm.mean[channel]! * gains[channel]!),
  };
}
