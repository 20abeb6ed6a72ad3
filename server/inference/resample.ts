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

/** Bytes of rows that the kernel is given at a time. */
const rowsBytes = 2 ** 20;

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

/** What an axis's outputs are made of: output i reads inputs `first[i]` … `first[i] + count[i] − 1`. */
interface Sources {
  readonly first: Int32Array;
  readonly count: Int32Array;
  /** The most inputs of an output. */
  readonly width: number;
  /** Writes the weights of output i, in fixed point. */
  readonly weigh: (i: number, weights: Int32Array) => void;
}

function sourcesOf({ from, to, start, length }: Axis, resampling: Resampling): Sources {
  const { support: baseSupport, weight } = kernels[resampling];
  const scale = from / to;
  const widening = Math.max(scale, 1);
  const support = baseSupport * widening;
  const width = Math.ceil(support) * 2 + 1;
  const centreOf = (i: number): number => (start + i + 0.5) * scale;
  const first = new Int32Array(length);
  const count = new Int32Array(length);
  for (let i = 0; i < length; i++) {
    const centre = centreOf(i);
    first[i] = Math.max(0, Math.trunc(centre - support + 0.5));
    count[i] = Math.min(from, Math.trunc(centre + support + 0.5)) - first[i]!;
  }
  const exact = new Float64Array(width);
  const weigh = (i: number, weights: Int32Array): void => {
    const centre = centreOf(i);
    const begin = first[i]!;
    const taps = count[i]!;
    let sum = 0;
    for (let t = 0; t < taps; t++) {
      const w = weight((t + begin - centre + 0.5) * (1 / widening));
      exact[t] = w;
      sum += w;
    }
    for (let t = 0; t < taps; t++) {
      const fixed = (sum === 0 ? exact[t]! : exact[t]! / sum) * (1 << precisionBits);
      weights[t] = Math.trunc(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
    }
  };
  return { first, count, width, weigh };
}

/** What the kernel needs to narrow a row: `first` (from the row's first needed pixel) and `count` of each output, then its weights. */
interface Table {
  readonly bytes: number;
  /** Pixels of the result. */
  readonly length: number;
  /** Where what is needed of a row of the input begins, and how much it is, in bytes. */
  readonly begin: number;
  readonly needed: number;
  readonly write: (memory: ArrayBuffer, address: number) => void;
}

function tableOf({ first, count, width, weigh }: Sources): Table {
  const length = first.length;
  const begin = first[0]!;
  const write = (memory: ArrayBuffer, address: number): void => {
    const table = new Int32Array(memory, address, length * (2 + width));
    table.set(first.map((pixel) => pixel - begin));
    table.set(count, length);
    // There may be a gigabyte of them, so they are written where they are used.
    for (let i = 0; i < length; i++) weigh(i, table.subarray(2 * length + i * width));
  };
  const bytes = length * (2 + width) * Int32Array.BYTES_PER_ELEMENT;
  return { bytes, length, begin: begin * 3, needed: (first[length - 1]! + count[length - 1]! - begin) * 3, write };
}

/** Horizontal pass first: every input row that counts is narrowed once and added to the output rows that it is part of. */
function columnsFirst(image: Pixels, across: Sources, down: Sources): Uint8Array {
  const table = tableOf(across);
  const { begin, needed, length } = table;
  const height = down.first.length;
  const stride = length * 3;
  // A row's sums end with a whole vector.
  const sumsStride = Math.ceil(stride / 16) * 16;
  const sizes = [table.bytes, height * down.width * 4, needed, stride, height * sumsStride * 4, height * stride];
  return withKernel(sizes, (kernel, memory, [columns = 0, rows = 0, input = 0, row = 0, sums = 0, out = 0]) => {
    const bytes = new Uint8Array(memory);
    table.write(memory, columns);
    for (let i = 0; i < height; i++) down.weigh(i, new Int32Array(memory, rows + i * down.width * 4, down.width));
    new Int32Array(memory, sums, height * sumsStride).fill(half);
    let top = 0;
    const end = down.first[height - 1]! + down.count[height - 1]!;
    for (let y = down.first[0]!; y < end; y++) {
      const start = y * image.width * 3 + begin;
      bytes.set(image.data.subarray(start, start + needed), input);
      kernel.narrow(input, columns, across.width, length, row);
      while (down.first[top]! + down.count[top]! <= y) top++;
      for (let i = top; i < height && down.first[i]! <= y; i++) {
        const weight = rows + (i * down.width + y - down.first[i]!) * 4;
        kernel.accumulate(sums + i * sumsStride * 4, row, weight, 1, stride);
      }
    }
    for (let i = 0; i < height; i++) kernel.clip(sums + i * sumsStride * 4, out + i * stride, stride);
    return bytes.slice(out, out + height * stride);
  });
}

/** Vertical pass first: every output row is summed over the input's columns that count, then narrowed. */
function rowsFirst(image: Pixels, across: Sources, down: Sources): Uint8Array {
  const table = tableOf(across);
  const { begin, needed, length } = table;
  const height = down.first.length;
  const stride = length * 3;
  const rowBytes = image.width * 3;
  // Whole rows are given to the kernel many at a time: a strip has millions, of a few bytes each.
  const together = needed === rowBytes ? Math.max(1, Math.floor(rowsBytes / needed)) : 1;
  const sizes = [table.bytes, down.width * 4, together * needed, needed, needed * 4, height * stride];
  return withKernel(sizes, (kernel, memory, [columns = 0, weights = 0, input = 0, row = 0, sums = 0, out = 0]) => {
    const bytes = new Uint8Array(memory);
    table.write(memory, columns);
    const sumsOfRow = new Int32Array(memory, sums, needed);
    const weightsOfRow = new Int32Array(memory, weights, down.width);
    for (let i = 0; i < height; i++) {
      sumsOfRow.fill(half);
      down.weigh(i, weightsOfRow);
      const count = down.count[i]!;
      for (let t = 0; t < count; t += together) {
        const rows = Math.min(together, count - t);
        const start = (down.first[i]! + t) * rowBytes + begin;
        bytes.set(image.data.subarray(start, start + rows * needed), input);
        kernel.accumulate(sums, input, weights + t * 4, rows, needed);
      }
      kernel.clip(sums, row, needed);
      kernel.narrow(row, columns, across.width, length, out + i * stride);
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
  const across = sourcesOf(columns, resampling);
  const down = sourcesOf(rows, resampling);
  // Found by comparing Pillow 13's results with both orders: rounding and clipping in between make them differ.
  const tall = rows.to < rows.from && rows.from - rows.to > 2 * (columns.from - columns.to);
  const data = tall ? rowsFirst(image, across, down) : columnsFirst(image, across, down);
  return { data, width: columns.length, height: rows.length };
}
