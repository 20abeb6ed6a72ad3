/** Element types of checkpoints, and how each becomes float32. */

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

/**
 * Writes one element as float32, rounded to nearest: element `from` of `source` to element `to` of `target`.
 * Elements of `source` are little-endian (see {@link swapBytes}).
 */
export type Convert = (source: DataView, from: number, target: Float32Array, to: number) => void;

/** The float32 of every half, by its bits; made when first needed. */
let halves: Float32Array | undefined;

const converters: Readonly<Record<DType, () => Convert>> = {
  float64: () => (source, from, target, to) => (target[to] = source.getFloat64(from * 8, true)),
  float32: () => (source, from, target, to) => (target[to] = source.getFloat32(from * 4, true)),
  float16: () => {
    const table = (halves ??= Float32Array.from({ length: 0x10000 }, (_, bits) => halfToFloat(bits)));
    return (source, from, target, to) => (target[to] = table[source.getUint16(from * 2, true)]!);
  },
  bfloat16: () => {
    const bits = new Uint32Array(1);
    const float = new Float32Array(bits.buffer);
    return (source, from, target, to) => {
      bits[0] = source.getUint16(from * 2, true) << 16;
      target[to] = float[0]!;
    };
  },
  int64: () => (source, from, target, to) => (target[to] = Number(source.getBigInt64(from * 8, true))),
  int32: () => (source, from, target, to) => (target[to] = source.getInt32(from * 4, true)),
  int16: () => (source, from, target, to) => (target[to] = source.getInt16(from * 2, true)),
  int8: () => (source, from, target, to) => (target[to] = source.getInt8(from)),
  uint64: () => (source, from, target, to) => (target[to] = Number(source.getBigUint64(from * 8, true))),
  uint32: () => (source, from, target, to) => (target[to] = source.getUint32(from * 4, true)),
  uint16: () => (source, from, target, to) => (target[to] = source.getUint16(from * 2, true)),
  uint8: () => (source, from, target, to) => (target[to] = source.getUint8(from)),
  bool: () => (source, from, target, to) => (target[to] = source.getUint8(from) === 0 ? 0 : 1),
};

/** How elements of a type become float32; those of 64 bits lose what float32 cannot hold. */
export function converter(dtype: DType): Convert {
  return converters[dtype]();
}

function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

/** Turns big-endian elements of `size` bytes into little-endian ones, in place. */
export function swapBytes(bytes: Buffer, size: number): void {
  if (size === 2) bytes.swap16();
  else if (size === 4) bytes.swap32();
  else if (size === 8) bytes.swap64();
}
