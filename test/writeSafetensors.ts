/** Writes safetensors files for tests: matrices in the asked element type, vectors as F32. */
import { writeFile } from 'node:fs/promises';
import { blockBytes, blocksOf, dequantiseBlocks, quantiseBlocks } from '@clipcap/models/pack/blockQuantisation';
import type { DType } from '@clipcap/models/pack/safetensors';

export interface TensorValues {
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: Float32Array;
}

/** How one tensor is stored. */
export type Storage = 'F32' | 'F16' | 'I8' | 'q8' | 'q4';

interface Stored {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/**
 * Writes `tensors` and returns them as a reader sees them: rounded to F16, int8 times a scale per row, or in blocks.
 * @param storage how a tensor is stored
 * @param isTransposed whether a matrix is stored [in,out]: in blocks it lies the other way round
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorValues>,
  storage: (name: string, tensor: TensorValues) => Storage,
  isTransposed: (name: string) => boolean = () => false,
): Promise<Map<string, TensorValues>> {
  const seen = new Map<string, TensorValues>();
  const stored = new Map<string, Stored>();
  for (const [name, tensor] of tensors) {
    const { shape } = tensor;
    const dtype = storage(name, tensor);
    if (dtype === 'F32') {
      stored.set(name, { dtype, shape, bytes: bytesOf(tensor.values) });
      seen.set(name, tensor);
    } else if (dtype === 'F16') {
      const halves = Uint16Array.from(tensor.values, toHalf);
      stored.set(name, { dtype, shape, bytes: bytesOf(halves) });
      seen.set(name, { shape, values: Float32Array.from(halves, fromHalf) });
    } else if (dtype === 'I8') {
      const { integers, scale, values } = quantiseRows(tensor);
      stored.set(name, { dtype, shape, bytes: bytesOf(integers) });
      stored.set(`${name}.scale`, { dtype: 'F32', shape: [scale.length, 1], bytes: bytesOf(scale) });
      seen.set(name, { shape, values });
    } else {
      const turned = isTransposed(name);
      const { shape: rowShape, values } = turned ? transpose(tensor) : tensor;
      const [rows = 0, columns = 0] = rowShape;
      const bits = dtype === 'q8' ? 8 : 4;
      const quantised = quantiseBlocks(values, columns, bits);
      const blocks = [rows, blocksOf(columns)];
      stored.set(name, { dtype: 'U8', shape: [...blocks, blockBytes(bits)], bytes: quantised.packed });
      stored.set(`${name}.scale`, { dtype: 'F32', shape: blocks, bytes: bytesOf(quantised.scales) });
      const kept = { shape: rowShape, values: dequantiseBlocks(quantised, columns, bits) };
      seen.set(name, turned ? transpose(kept) : kept);
    }
  }
  await writeFile(path, encode(stored));
  return seen;
}

function transpose({ shape, values }: TensorValues): TensorValues {
  const [rows = 0, columns = 0] = shape;
  const turned = values.map((_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!);
  return { shape: [columns, rows], values: turned };
}

function encode(tensors: ReadonlyMap<string, Stored>): Buffer {
  const header: Record<string, object> = { __metadata__: { format: 'pt' } };
  let end = 0;
  for (const [name, { dtype, shape, bytes }] of tensors) {
    header[name] = { dtype, shape, data_offsets: [end, end + bytes.length] };
    end += bytes.length;
  }
  return safetensorsBytes(header, Buffer.concat([...tensors.values()].map(({ bytes }) => bytes)));
}

/** A file of `header` as it is, right or wrong, and `data`. */
export function safetensorsBytes(header: unknown, data: Uint8Array = new Uint8Array()): Buffer {
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

function quantiseRows({ shape, values }: TensorValues): {
  integers: Int8Array;
  scale: Float32Array;
  values: Float32Array;
} {
  const [rows = 0, width = 0] = shape;
  const scale = new Float32Array(rows);
  const integers = new Int8Array(values.length);
  for (let row = 0; row < rows; row++) {
    const magnitudes = values.subarray(row * width, (row + 1) * width).map(Math.abs);
    scale[row] = Math.max(...magnitudes) / 127;
    for (let i = row * width; i < (row + 1) * width; i++) integers[i] = Math.round(values[i]! / scale[row]!);
  }
  const seen = Float32Array.from(integers, (value, index) => Math.fround(value * scale[Math.floor(index / width)]!));
  return { integers, scale, values: seen };
}

/** Truncates to half precision; small values become zero. Exact enough for weights that tests invent. */
function toHalf(value: number): number {
  const bits = new Uint32Array(new Float32Array([value]).buffer)[0]!;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  if (exponent <= 0) return (bits >>> 16) & 0x8000;
  return ((bits >>> 16) & 0x8000) | (exponent << 10) | ((bits >>> 13) & 0x3ff);
}

function fromHalf(half: number): number {
  const exponent = (half >>> 10) & 0x1f;
  const magnitude = exponent === 0 ? 0 : (1 + (half & 0x3ff) / 1024) * 2 ** (exponent - 15);
  return half & 0x8000 ? -magnitude : magnitude;
}

function bytesOf(array: Float32Array | Uint16Array | Int8Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
