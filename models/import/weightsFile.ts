/** The bytes of a pack's `weights.safetensors`, in order: the header first, then every tensor as it is read. */
import { quoted } from '../checkpoints/errors.js';
import type { ExpectedTensors } from '../pack/tensorList.js';
import { mismatch } from './errors.js';
import { type ImportDType, storing, type Storing } from './storeTensor.js';
import type { TensorSources } from './tensorSource.js';

export interface WeightsFile {
  /** In bytes. */
  readonly size: number;
  pieces(): AsyncIterable<Uint8Array>;
}

/** Tensors begin at multiples of this, as far as their own sizes let them. */
const alignment = 64;

/**
 * @param seen is given the rows of a matrix as readers of the pack will see them
 * @param pathOf the file that a tensor comes from, for messages
 * @throws CaptionError `checkpoint-mismatch` if the sources are not the expected tensors
 */
export function weightsFile(
  expected: ExpectedTensors,
  sources: TensorSources,
  dtype: ImportDType,
  { name: watched, seen }: { name: string; seen: (rows: Float32Array) => void },
  pathOf: (name: string) => string,
): WeightsFile {
  checkSources(expected, sources, pathOf);
  const tensors = [...expected].map(([name, tensor]): [string, Storing] => [
    name,
    storing(name, tensor, sources.get(name)!, dtype, pathOf(name)),
  ]);
  const header: Record<string, object> = { __metadata__: { format: 'pt' } };
  let end = 0;
  for (const [, { planned }] of tensors) {
    for (const { name, dtype: stored, shape, length } of planned) {
      header[name] = { dtype: stored, shape, data_offsets: [end, end + length] };
      end += length;
    }
  }
  const head = safetensorsHead(header);
  return {
    size: head.length + end,
    async *pieces() {
      yield head;
      for (const [name, tensor] of tensors) yield* tensor.bytes(name === watched ? seen : undefined);
    },
  };
}

/** The length and the header, padded so that the data begin aligned. */
export function safetensorsHead(header: object): Uint8Array {
  const json = JSON.stringify(header);
  const unpadded = Buffer.byteLength(json) + 8;
  const text = Buffer.from(json + ' '.repeat(-unpadded & (alignment - 1)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text]);
}

/**
 * Every tensor is there in its shape, and none is left that would have been part of the computation.
 * @throws CaptionError `checkpoint-mismatch`
 */
export function checkSources(
  expected: ExpectedTensors,
  sources: TensorSources,
  pathOf: (name: string) => string,
): void {
  const remedy = 'Models that differ from ClipCap’s cannot be imported.';
  for (const [name, { shape }] of expected) {
    const found = sources.get(name);
    if (!found) throw mismatch(pathOf(name), `has no tensor ${name}`, 'Download or save it again.');
    if (found.shape.join() !== shape.join()) {
      const what = `has the tensor ${name} of shape [${found.shape.join(', ')}] instead of [${shape.join(', ')}]`;
      throw mismatch(pathOf(name), what, remedy);
    }
  }
  for (const name of sources.keys()) {
    if (expected.has(name)) continue;
    throw mismatch(pathOf(name), `has a tensor that ClipCap does not have: ${quoted(name)}`, remedy);
  }
}
