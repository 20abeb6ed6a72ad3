/** Element types of checkpoints, and how each becomes float32. */
import { halfTable } from '../pack/halfPrecision.js';

/** Size of an element in bytes. */
export const elementBytes = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint64: 8,
  uint32: 4,
  uint16: 2,
  uint8: 1,
  bool: 1,
} as const;

export type DType = keyof typeof elementBytes;

export function isDType(name: string): name is DType {
  return Object.hasOwn(elementBytes, name);
}

type Numbers =
  Float64Array | Float32Array | Int32Array | Int16Array | Int8Array | Uint32Array | Uint16Array | Uint8Array;

/** Elements of a type, in memory. */
export type Elements =
  | { readonly values: Numbers; readonly table?: undefined }
  | { readonly values: BigInt64Array | BigUint64Array; readonly table?: undefined }
  /** Elements are the bits of what the table gives for them. */
  | { readonly values: Uint16Array | Uint8Array; readonly table: Float32Array };

/** The float32 of every bfloat16, by its bits; made when first needed. */
let brains: Float32Array | undefined;
const booleans = Float32Array.from({ length: 256 }, (_, byte) => (byte === 0 ? 0 : 1));

/** What little-endian bytes hold; every machine that ONNX Runtime is built for is little-endian itself. */
const views: Readonly<Record<DType, (bytes: ArrayBuffer) => Elements>> = {
  float64: (bytes) => ({ values: new Float64Array(bytes) }),
  float32: (bytes) => ({ values: new Float32Array(bytes) }),
  float16: (bytes) => ({ values: new Uint16Array(bytes), table: halfTable() }),
  bfloat16(bytes) {
    brains ??= new Float32Array(Uint32Array.from({ length: 0x10000 }, (_, bits) => bits << 16).buffer);
    return { values: new Uint16Array(bytes), table: brains };
  },
  int64: (bytes) => ({ values: new BigInt64Array(bytes) }),
  int32: (bytes) => ({ values: new Int32Array(bytes) }),
  int16: (bytes) => ({ values: new Int16Array(bytes) }),
  int8: (bytes) => ({ values: new Int8Array(bytes) }),
  uint64: (bytes) => ({ values: new BigUint64Array(bytes) }),
  uint32: (bytes) => ({ values: new Uint32Array(bytes) }),
  uint16: (bytes) => ({ values: new Uint16Array(bytes) }),
  uint8: (bytes) => ({ values: new Uint8Array(bytes) }),
  bool: (bytes) => ({ values: new Uint8Array(bytes), table: booleans }),
};

export function elementsOf(dtype: DType, bytes: ArrayBuffer): Elements {
  return views[dtype](bytes);
}

/**
 * Writes every `stride`th element from `from` on to `target` as float32, rounded to nearest. Integers of 64 bits and
 * float64 lose what float32 cannot hold.
 */
export function convertRun(
  { values, table }: Elements,
  from: number,
  stride: number,
  target: Float32Array,
  to: number,
  length: number,
): void {
  if (table) for (let i = 0; i < length; i++) target[to + i] = table[values[from + i * stride]!]!;
  else if (values instanceof Float32Array && stride === 1) target.set(values.subarray(from, from + length), to);
  else if (values instanceof Float32Array) for (let i = 0; i < length; i++) target[to + i] = values[from + i * stride]!;
  else for (let i = 0; i < length; i++) target[to + i] = Number(values[from + i * stride]);
}

/** Turns big-endian elements of `size` bytes into little-endian ones, in place. */
export function swapBytes(bytes: Uint8Array, size: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (size === 2) buffer.swap16();
  else if (size === 4) buffer.swap32();
  else if (size === 8) buffer.swap64();
}
