/** Batch normalisation as it runs after training is a scale and a shift per channel: the convolution before it takes both. */

/** Float32 values of one channel each. */
export interface BatchNorm {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

/** PyTorch's default, which CLIP uses. */
const epsilon = 1e-5;

/**
 * @param weight of a convolution without bias, [out,in,k,k] row-major
 * @returns the weight of the convolution that gives normalised outputs, with {@link foldedBias}
 */
export function foldedWeight(weight: Float32Array, norm: BatchNorm): Float32Array {
  const gains = gainsOf(norm);
  const perChannel = weight.length / gains.length;
  const folded = new Float32Array(weight.length);
  for (const [channel, gain] of gains.entries()) {
    const end = (channel + 1) * perChannel;
    for (let i = channel * perChannel; i < end; i++) folded[i] = weight[i]! * gain;
  }
  return folded;
}

export function foldedBias(norm: BatchNorm): Float32Array {
  const gains = gainsOf(norm);
  return norm.bias.map((shift, channel) => shift - norm.mean[channel]! * gains[channel]!);
}

function gainsOf({ weight, variance }: BatchNorm): Float64Array {
  return Float64Array.from(weight, (gain, channel) => gain / Math.sqrt(variance[channel]! + epsilon));
}
