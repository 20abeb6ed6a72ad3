/**
 * Pillow's resize, bit for bit: what a model saw in training is what Pillow made, and no other library rounds alike.
 * The method is that of Pillow's `Resample.c`: separable, the kernel widened by the factor when shrinking, coefficients
 * in 22-bit fixed point, rounded to 8 bits after each of the two passes.
 */

/** Interleaved 8-bit RGB, row by row. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export type Resampling = 'bilinear' | 'bicubic' | 'lanczos';

/** One axis of a resize: from `from` to `to` pixels, of which `length` are wanted, beginning with `start`. */
export interface Axis {
  readonly from: number;
  readonly to: number;
  readonly start: number;
  readonly length: number;
}

const precisionBits = 22;
const half = 1 << (precisionBits - 1);

const kernels: Record<Resampling, { readonly support: number; readonly weight: (x: number) => number }> = {
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: cubic },
  lanczos: { support: 3, weight: (x) => (Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

/** Keys' cubic convolution kernel with a = −0.5 (Keys 1981, eq. 15). */
function cubic(signed: number): number {
  const x = Math.abs(signed);
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/** Output i reads inputs `first[i]` … `first[i] + count[i] − 1` with the weights at `weights[i · width]` on. */
interface Coefficients {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
  readonly width: number;
}

function coefficients({ from, to, start, length }: Axis, resampling: Resampling): Coefficients {
  const { support: baseSupport, weight } = kernels[resampling];
  const scale = from / to;
  const widening = Math.max(scale, 1);
  const support = baseSupport * widening;
  const width = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(length);
  const count = new Int32Array(length);
  const weights = new Int32Array(length * width);
  const exact = new Float64Array(width);
  for (let i = 0; i < length; i++) {
    const centre = (start + i + 0.5) * scale;
    const begin = Math.max(0, Math.trunc(centre - support + 0.5));
    const taps = Math.min(from, Math.trunc(centre + support + 0.5)) - begin;
    let sum = 0;
    for (let t = 0; t < taps; t++) {
      const w = weight((t + begin - centre + 0.5) * (1 / widening));
      exact[t] = w;
      sum += w;
    }
    for (let t = 0; t < taps; t++) {
      const fixed = (sum === 0 ? exact[t]! : exact[t]! / sum) * (1 << precisionBits);
      weights[i * width + t] = Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
    }
    first[i] = begin;
    count[i] = taps;
  }
  return { first, count, weights, width };
}

/** 22-bit fixed point to 8 bits, clipped. */
function clip8(value: number): number {
  const v = value >> precisionBits;
  return v < 0 ? 0 : v > 255 ? 255 : v;
}

/** The wanted pixels of one row. The row begins at `offset` in `data`, its result at `target` in `out`. */
function resampleRow(data: Uint8Array, offset: number, columns: Coefficients, out: Uint8Array, target: number): void {
  const { first, count, weights, width } = columns;
  for (let i = 0; i < first.length; i++) {
    let at = offset + first[i]! * 3;
    let r = half;
    let g = half;
    let b = half;
    const begin = i * width;
    const end = begin + count[i]!;
    for (let t = begin; t < end; t++) {
      const w = weights[t]!;
      r = (r + Math.imul(data[at]!, w)) | 0;
      g = (g + Math.imul(data[at + 1]!, w)) | 0;
      b = (b + Math.imul(data[at + 2]!, w)) | 0;
      at += 3;
    }
    out[target + i * 3] = clip8(r);
    out[target + i * 3 + 1] = clip8(g);
    out[target + i * 3 + 2] = clip8(b);
  }
}

/** Adds a row of bytes, each times `weight`, to a row of sums. */
function accumulate(
  sums: Int32Array,
  base: number,
  row: Uint8Array,
  offset: number,
  weight: number,
  length: number,
): void {
  for (let x = 0; x < length; x++) sums[base + x] = (sums[base + x]! + Math.imul(row[offset + x]!, weight)) | 0;
}

/** Horizontal pass first: every input row that counts is narrowed once and added to the output rows that it is part of. */
function columnsFirst(image: Pixels, across: Coefficients, down: Coefficients): Uint8Array {
  const height = down.first.length;
  const stride = across.first.length * 3;
  const sums = new Int32Array(height * stride).fill(half);
  const row = new Uint8Array(stride);
  let top = 0;
  const end = down.first[height - 1]! + down.count[height - 1]!;
  for (let y = down.first[0]!; y < end; y++) {
    resampleRow(image.data, y * image.width * 3, across, row, 0);
    while (down.first[top]! + down.count[top]! <= y) top++;
    for (let i = top; i < height && down.first[i]! <= y; i++) {
      accumulate(sums, i * stride, row, 0, down.weights[i * down.width + y - down.first[i]!]!, stride);
    }
  }
  const data = new Uint8Array(sums.length);
  for (let i = 0; i < data.length; i++) data[i] = clip8(sums[i]!);
  return data;
}

/** Vertical pass first: every output row is summed over the input's whole width, then narrowed. */
function rowsFirst(image: Pixels, across: Coefficients, down: Coefficients): Uint8Array {
  const height = down.first.length;
  const stride = across.first.length * 3;
  const length = image.width * 3;
  const sums = new Int32Array(length);
  const row = new Uint8Array(length);
  const data = new Uint8Array(height * stride);
  for (let i = 0; i < height; i++) {
    sums.fill(half);
    for (let t = 0; t < down.count[i]!; t++) {
      accumulate(sums, 0, image.data, (down.first[i]! + t) * length, down.weights[i * down.width + t]!, length);
    }
    for (let x = 0; x < length; x++) row[x] = clip8(sums[x]!);
    resampleRow(row, 0, across, data, i * stride);
  }
  return data;
}

/**
 * The wanted window of the resized image, equal to Pillow's `resize((columns.to, rows.to), resampling)` cut to it.
 * Only what the window needs is computed, a row at a time: neither the resized image nor the image between the two
 * passes is ever held, so strips of any length are cheap.
 */
export function resample(image: Pixels, columns: Axis, rows: Axis, resampling: Resampling): Pixels {
  const across = coefficients(columns, resampling);
  const down = coefficients(rows, resampling);
  // Found by comparing Pillow 13's results with both orders: rounding and clipping in between make them differ.
  const tall = rows.to < rows.from && rows.from - rows.to > 2 * (columns.from - columns.to);
  const data = tall ? rowsFirst(image, across, down) : columnsFirst(image, across, down);
  return { data, width: columns.length, height: rows.length };
}
