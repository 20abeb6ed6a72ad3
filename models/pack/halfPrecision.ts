/** 16-bit floats as IEEE 754 has them. Loops are plain: a checkpoint has hundreds of millions of values. */

/** The bits of the nearest halves, of two the even one; a value beyond 65504 becomes infinite. */
export function toHalves(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const float = new Float32Array(1);
  const floatBits = new Uint32Array(float.buffer);
  for (let i = 0; i < halves.length; i++) {
    const sign = (bits[i]! >>> 16) & 0x8000;
    const magnitude = bits[i]! & 0x7fffffff;
    let half: number;
    if (magnitude > 0x7f800000) half = 0x7e00;
    else if (magnitude >= 0x47800000) half = 0x7c00;
    else if (magnitude >= 0x38800000) half = (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
    else {
      // Adding ½ leaves the value's multiples of 2^−24 in the last bits, rounded by the addition itself.
      floatBits[0] = magnitude;
      float[0] = float[0]! + 0.5;
      half = floatBits[0] - 0x3f000000;
    }
    halves[i] = sign | half;
  }
  return halves;
}

/** Whether a value was beyond what a half can be. */
export function isInfinite(halves: Uint16Array): boolean {
  for (const half of halves) if ((half & 0x7fff) === 0x7c00) return true;
  return false;
}

/** What {@link toHalves} kept. */
export function fromHalves(halves: Uint16Array): Float32Array {
  const floats = halfTable();
  const values = new Float32Array(halves.length);
  for (let i = 0; i < values.length; i++) values[i] = floats[halves[i]!]!;
  return values;
}

let table: Float32Array | undefined;

/** The float32 of every half, by its bits; made when first needed. */
export function halfTable(): Float32Array {
  table ??= Float32Array.from({ length: 0x10000 }, (_, bits) => toFloat(bits));
  return table;
}

function toFloat(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}
