/**
 * 8 and 4 bit weights in blocks: every 32 values of a matrix's row share a scale. The layout is that of ONNX Runtime's
 * MatMulNBits operator, which multiplies with such matrices without widening them.
 */

/** Values that share a scale. */
export const blockSize = 32;

export type BlockBits = 4 | 8;

export interface QuantisedRows {
  /** `[rows, ⌈columns/32⌉, 32·bits/8]`: unsigned integers around 2^(bits−1); of two 4-bit values the first is the lower half. */
  readonly packed: Uint8Array;
  /** `[rows, ⌈columns/32⌉]`: value = (integer − 2^(bits−1)) · scale. */
  readonly scales: Float32Array;
}

/** How many blocks a row of `columns` values has; the last is padded with zeros. */
export function blocksOf(columns: number): number {
  return Math.ceil(columns / blockSize);
}

export function blockBytes(bits: BlockBits): number {
  return (blockSize * bits) / 8;
}

/**
 * Rounds whole rows to 8 or 4 bit. A block's value of largest magnitude becomes the most negative integer, which has one
 * step more than the most positive one: its scale is negative where that value is positive, and NaN where one is not finite.
 * @param rows whole rows, one after another, row-major; any number of them, so a large matrix can go through in parts
 */
export function quantiseBlocks(rows: Float32Array, columns: number, bits: BlockBits): QuantisedRows {
  const count = rows.length / columns;
  const blocks = blocksOf(columns);
  const bytes = blockBytes(bits);
  const zero = 2 ** (bits - 1);
  const packed = new Uint8Array(count * blocks * bytes);
  const scales = new Float32Array(count * blocks);
  const integers = new Uint8Array(blocks * blockSize);
  for (let row = 0; row < count; row++) {
    integers.fill(zero);
    for (let block = 0; block < blocks; block++) {
      const start = row * columns + block * blockSize;
      const end = Math.min(start + blockSize, (row + 1) * columns);
      const scale = Math.fround(extreme(rows, start, end) / -zero);
      scales[row * blocks + block] = scale;
      if (scale !== 0) quantise(rows, start, end, scale, zero, integers, block * blockSize);
    }
    const target = row * blocks * bytes;
    if (bits === 8) packed.set(integers, target);
    else for (let i = 0; i < blocks * bytes; i++) packed[target + i] = integers[2 * i]! | (integers[2 * i + 1]! << 4);
  }
  return { packed, scales };
}

/** What {@link quantiseBlocks} kept: rows of `columns` values. */
export function dequantiseBlocks({ packed, scales }: QuantisedRows, columns: number, bits: BlockBits): Float32Array {
  const blocks = blocksOf(columns);
  const bytes = blockBytes(bits);
  const zero = 2 ** (bits - 1);
  const values = new Float32Array((scales.length / blocks) * columns);
  for (let at = 0; at < values.length; at++) {
    const column = at % columns;
    const index = Math.floor(at / columns) * blocks + Math.floor(column / blockSize);
    const i = column % blockSize;
    const integer = bits === 8 ? packed[index * bytes + i]! : (packed[index * bytes + (i >> 1)]! >> (4 * (i & 1))) & 15;
    values[at] = (integer - zero) * scales[index]!;
  }
  return values;
}

/** Rounds values to integers around `zero`. A loop of its own: an import spends a third of its time here. */
function quantise(
  values: Float32Array,
  start: number,
  end: number,
  scale: number,
  zero: number,
  integers: Uint8Array,
  target: number,
): void {
  const largest = 2 * zero - 1;
  for (let i = start, to = target; i < end; i++, to++) {
    // No quotient is below −zero by as much as a half, so that cutting off rounds.
    const integer = (values[i]! / scale + (zero + 0.5)) | 0;
    integers[to] = integer > largest ? largest : integer;
  }
}

/** The value of largest magnitude; NaN if one is not finite. */
function extreme(values: Float32Array, start: number, end: number): number {
  let found = 0;
  let magnitude = 0;
  // 0 for finite numbers, NaN for others, and NaN for good from then on: no test is needed for each.
  let differences = 0;
  for (let i = start; i < end; i++) {
    const value = values[i]!;
    const size = value < 0 ? -value : value;
    if (size > magnitude) {
      magnitude = size;
      found = value;
    }
    differences += value - value;
  }
  return found + differences;
}
