/** Proves that a weight file holds what its pack's manifest describes, before a graph refers to it. */
import { basename } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';
import { blockBytes, blocksOf } from './blockQuantisation.js';
import type { Safetensors, StoredTensor } from './safetensors.js';
import type { ExpectedTensor, ExpectedTensors } from './tensorList.js';

/** @throws CaptionError `pack-tensor-mismatch` naming the first tensor that is missing or has another shape */
export function checkTensors({ path, tensors }: Safetensors, expected: ExpectedTensors): void {
  for (const [name, tensor] of expected) {
    const found = tensors.get(name);
    const scale = tensors.get(`${name}.scale`);
    if (found?.dtype === 'U8') checkBlocks(path, tensor, found, scale);
    else if (!found || !sameShape(found.shape, tensor.shape)) throw mismatch(path, name, tensor.shape, found);
    else if (found.dtype === 'I8') checkScale(path, found, scale);
  }
}

/** An int8 tensor's scale is float32 and broadcasts to the tensor: value = int8 · scale. */
function checkScale(path: string, tensor: StoredTensor, scale: StoredTensor | undefined): void {
  const fits =
    scale?.dtype === 'F32' &&
    scale.shape.length <= tensor.shape.length &&
    scale.shape.every((size, i) => size === 1 || size === tensor.shape[tensor.shape.length - scale.shape.length + i]);
  if (!fits) throw mismatch(path, `${tensor.name}.scale`, [...tensor.shape.slice(0, -1), 1], scale);
}

/** Unsigned bytes are a matrix in blocks of 8 or 4 bit, its outputs as rows; nothing else is stored so. */
function checkBlocks(
  path: string,
  { shape, use }: ExpectedTensor,
  found: StoredTensor,
  scale: StoredTensor | undefined,
): void {
  if (use === 'array' || use === 'vector') throw mismatch(path, found.name, shape, found);
  const [outputs = 0, inputs = 0] = use === 'conv1d' ? shape.toReversed() : shape;
  const blocks = [outputs, blocksOf(inputs)];
  const eight = [...blocks, blockBytes(8)];
  if (!sameShape(found.shape, eight) && !sameShape(found.shape, [...blocks, blockBytes(4)])) {
    throw mismatch(path, found.name, eight, found);
  }
  if (scale?.dtype !== 'F32' || !sameShape(scale.shape, blocks)) {
    throw mismatch(path, `${found.name}.scale`, blocks, scale);
  }
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, index) => size === b[index]);
}

function mismatch(path: string, name: string, shape: readonly number[], found: StoredTensor | undefined): CaptionError {
  const what = found ? `has the shape [${found.shape.join(', ')}] (${found.dtype})` : 'is missing';
  return new CaptionError(
    'pack-tensor-mismatch',
    `In ${basename(path)}, tensor "${name}" ${what}; pack.json asks for [${shape.join(', ')}]. ` +
      `The weights belong to another model: import or download the pack again (${path}).`,
  );
}
