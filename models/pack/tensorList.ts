/** How the tensors of an architecture are listed: names, uses and shapes. */

/**
 * What a tensor is used as, which says how it may be stored: `linear` is a matrix [out,in], `conv1d` one stored [in,out],
 * `embedding` one whose rows are looked up, `array` anything large that no matrix product takes, `vector` the rest.
 */
export type TensorUse = 'linear' | 'conv1d' | 'embedding' | 'array' | 'vector';

export interface ExpectedTensor {
  /** As the checkpoint has it. Quantised in blocks, a matrix is [rows,blocks,bytes] with outputs as its rows. */
  readonly shape: readonly number[];
  readonly use: TensorUse;
}

export type ExpectedTensors = ReadonlyMap<string, ExpectedTensor>;
export type TensorList = readonly (readonly [name: string, use: TensorUse, shape: readonly number[]])[];

export function weightAndBias(name: string, use: 'linear' | 'conv1d', inputs: number, outputs: number): TensorList {
  return [
    [`${name}.weight`, use, use === 'linear' ? [outputs, inputs] : [inputs, outputs]],
    [`${name}.bias`, 'vector', [outputs]],
  ];
}

export function normalisation(name: string, width: number): TensorList {
  return [
    [`${name}.weight`, 'vector', [width]],
    [`${name}.bias`, 'vector', [width]],
  ];
}
