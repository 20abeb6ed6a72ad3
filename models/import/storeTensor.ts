/** One tensor's way into a pack's file: read in pieces, converted as the data type asks. */
import { basename } from 'node:path';
import { invalid, quoted } from '../checkpoints/errors.js';
import { blockBytes, blocksOf, dequantiseBlocks, quantiseBlocks } from '../pack/blockQuantisation.js';
import type { PackDType } from '../pack/manifest.js';
import type { DType } from '../pack/safetensors.js';
import type { ExpectedTensor } from '../pack/tensorList.js';
import { storageOf } from '../pack/tensors.js';
import { mismatch } from './errors.js';
import { fromHalves, isInfinite, toHalves } from '../pack/halfPrecision.js';
import type { TensorSource } from './tensorSource.js';

export type ImportDType = Exclude<PackDType, 'mixed'>;

/** A tensor of the file that is written. */
interface PlannedTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** In bytes. */
  readonly length: number;
}

/** How one tensor is stored: the tensors that it becomes, and their bytes in that order. */
export interface Storing {
  readonly planned: readonly PlannedTensor[];
  /**
   * @param seen is given the values of a matrix's rows as a reader of the pack will see them
   * @throws CaptionError `checkpoint-invalid` for a value that is no finite number, `checkpoint-mismatch` for one that
   * the data type cannot hold
   */
  bytes(seen?: (rows: Float32Array) => void): AsyncIterable<Uint8Array>;
}

/** @param path of the checkpoint, for messages */
export function storing(
  name: string,
  { shape, use }: ExpectedTensor,
  source: TensorSource,
  dtype: ImportDType,
  path: string,
): Storing {
  const storage = storageOf(use, dtype);
  const count = shape.reduce((product, size) => product * size, 1);
  if (storage === 'F32') {
    return {
      planned: [{ name, dtype: 'F32', shape, length: 4 * count }],
      async *bytes(seen) {
        for await (const piece of source.read()) {
          if (!allFinite(piece)) throw notFinite(piece, name, path);
          seen?.(piece);
          yield bytesOf(piece);
        }
      },
    };
  }
  if (storage === 'F16') {
    return {
      planned: [{ name, dtype: 'F16', shape, length: 2 * count }],
      async *bytes(seen) {
        for await (const piece of source.read()) {
          if (!allFinite(piece)) throw notFinite(piece, name, path);
          const halves = toHalves(piece);
          if (isInfinite(halves)) throw tooLarge(path, name);
          seen?.(fromHalves(halves));
          yield bytesOf(halves);
        }
      },
    };
  }
  const isTransposed = use === 'conv1d';
  const [rows = 0, columns = 0] = isTransposed ? shape.toReversed() : shape;
  const bits = storage === 'q8' ? 8 : 4;
  const blocks = [rows, blocksOf(columns)];
  const packedShape = [...blocks, blockBytes(bits)];
  const blockCount = rows * blocksOf(columns);
  return {
    planned: [
      { name, dtype: 'U8', shape: packedShape, length: blockCount * blockBytes(bits) },
      { name: `${name}.scale`, dtype: 'F32', shape: blocks, length: 4 * blockCount },
    ],
    async *bytes(seen) {
      const scales: Float32Array[] = [];
      for await (const piece of source.read(isTransposed)) {
        const quantised = quantiseBlocks(piece, columns, bits);
        if (!allFinite(quantised.scales)) throw notFinite(piece, name, path);
        seen?.(dequantiseBlocks(quantised, columns, bits));
        scales.push(quantised.scales);
        yield quantised.packed;
      }
      yield* scales.map(bytesOf);
    },
  };
}

/** A loop of its own: for-of and callbacks take eight times as long. */
function allFinite(values: Float32Array): boolean {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return false;
  return true;
}

/**
 * Rounding to integers would make a number of NaN, and no try of the finished pack reads every value: a row of the
 * vocabulary, or a position that no short caption reaches.
 */
function notFinite(values: Float32Array, name: string, path: string): Error {
  const found = values.find((value) => !Number.isFinite(value));
  return invalid(path, `its tensor ${quoted(name)} holds ${found}`);
}

function tooLarge(path: string, name: string): Error {
  const what = `has values in ${name} that 16 bit cannot hold`;
  return mismatch(path, what, `Use --dtype fp32, q8 or q4 for ${basename(path)}.`);
}

function bytesOf(array: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
