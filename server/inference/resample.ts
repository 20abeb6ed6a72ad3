/**
 * Pillow's resize, bit for bit: what a model saw in training is what Pillow made, and no other library rounds alike.
 * The method is that of Pillow's `Resample.c`: separable, the kernel widened by the factor when shrinking, coefficients
 * in 22-bit fixed point, rounded to 8 bits after each of the two passes.
 */
import { withKernel } from './resampleKernel.js';

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

/** How the kernel narrows a row. */
interface Narrowing {
  /** Where what is needed of a row of the input begins, and how much it is, in bytes. */
  readonly begin: number;
  readonly needed: number;
  /** Pixels of the result. */
  readonly length: number;
  /** Of each output: the first input, counted from `begin`; then the number of inputs of each; then `width` weights of each. */
  readonly table: Int32Array;
  readonly width: number;
}

function narrowing({ first, count, weights, width }: Coefficients): Narrowing {
  const length = first.length;
  const begin = first[0]!;
  const table = new Int32Array(2 * length + weights.length);
  table.set(first.map((pixel) => pixel - begin));
  table.set(count, length);
  table.set(weights, 2 * length);
  return { begin: begin * 3, needed: (first[length - 1]! + count[length - 1]! - begin) * 3, length, table, width };
}

/** Horizontal pass first: every input row that counts is narrowed once and added to the output rows that it is part of. */
function columnsFirst(image: Pixels, across: Narrowing, down: Coefficients): Uint8Array {
  const { begin, needed, length, table, width } = across;
  const height = down.first.length;
  const stride = length * 3;
  // A row's sums end with a whole vector.
  const sumsStride = Math.ceil(stride / 16) * 16;
  const sizes = [table.byteLength, needed, stride, height * sumsStride * 4, height * stride];
  return withKernel(sizes, (kernel, memory, [weights = 0, input = 0, row = 0, sums = 0, out = 0]) => {
    const bytes = new Uint8Array(memory);
    new Int32Array(memory, weights, table.length).set(table);
    new Int32Array(memory, sums, height * sumsStride).fill(half);
    let top = 0;
    const end = down.first[height - 1]! + down.count[height - 1]!;
    for (let y = down.first[0]!; y < end; y++) {
      const start = y * image.width * 3 + begin;
      bytes.set(image.data.subarray(start, start + needed), input);
      kernel.narrow(input, weights, width, length, row);
      while (down.first[top]! + down.count[top]! <= y) top++;
      for (let i = top; i < height && down.first[i]! <= y; i++) {
        const weight = down.weights[i * down.width + y - down.first[i]!]!;
        kernel.accumulate(sums + i * sumsStride * 4, row, weight, stride);
      }
    }
    for (let i = 0; i < height; i++) kernel.clip(sums + i * sumsStride * 4, out + i * stride, stride);
    return bytes.slice(out, out + height * stride);
  });
}

/** Vertical pass first: every output row is summed over the input's columns that count, then narrowed. */
function rowsFirst(image: Pixels, across: Narrowing, down: Coefficients): Uint8Array {
  const { begin, needed, length, table, width } = across;
  const height = down.first.length;
  const stride = length * 3;
  const sizes = [table.byteLength, needed, needed, needed * 4, height * stride];
  return withKernel(sizes, (kernel, memory, [weights = 0, input = 0, row = 0, sums = 0, out = 0]) => {
    const bytes = new Uint8Array(memory);
    new Int32Array(memory, weights, table.length).set(table);
    const sumsOfRow = new Int32Array(memory, sums, needed);
    for (let i = 0; i < height; i++) {
      sumsOfRow.fill(half);
      for (let t = 0; t < down.count[i]!; t++) {
        const start = (down.first[i]! + t) * image.width * 3 + begin;
        bytes.set(image.data.subarray(start, start + needed), input);
        kernel.accumulate(sums, input, down.weights[i * down.width + t]!, needed);
      }
      kernel.clip(sums, row, needed);
      kernel.narrow(row, weights, width, length, out + i * stride);
    }
    return bytes.slice(out, out + height * stride);
  });
}

/**
 * The wanted window of the resized image, equal to Pillow's `resize((columns.to, rows.to), resampling)` cut to it.
 * Only what the window needs is computed, a row at a time: neither the resized image nor the image between the two
 * passes is ever held, so strips of any length are cheap.
 */
export function resample(image: Pixels, columns: Axis, rows: Axis, resampling: Resampling): Pixels {
  const across = narrowing(coefficients(columns, resampling));
  const down = coefficients(rows, resampling);
  // Found by comparing Pillow 13's results with both orders: rounding and clipping in between make them differ.
  const tall = rows.to < rows.from && rows.from - rows.to > 2 * (columns.from - columns.to);
  const data = tall ? rowsFirst(image, across, down) : columnsFirst(image, across, down);
  return { data, width: columns.length, height: rows.length };
}
