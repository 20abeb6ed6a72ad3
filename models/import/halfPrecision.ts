/** Float32 to 16-bit floats, as IEEE 754 rounds: to nearest, ties to even. */

/** The bits of the halves; a value beyond 65504 becomes infinite. */
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

/** What {@link toHalves} kept. */
export function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}
