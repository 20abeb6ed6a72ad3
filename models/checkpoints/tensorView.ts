/**
 * Values of a tensor in a file, as float32, in pieces: a view (offset, shape, strides) of a storage is gathered through
 * windows of bounded size, so that transposed and sliced tensors need no more memory than others.
 */
import type { CheckpointFile } from './checkpointFile.js';
import { converter, elementBytes, swapBytes, type Convert, type DType } from './dtype.js';
import { invalid } from './errors.js';

export interface TensorView {
  readonly file: CheckpointFile;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** In elements, one per dimension, not negative. */
  readonly strides: readonly number[];
  /** Of the first element, in elements from the storage's beginning. */
  readonly offset: number;
  readonly storage: {
    /** Of its first byte in the file. */
    readonly begin: number;
    /** In bytes. */
    readonly length: number;
    readonly bigEndian: boolean;
  };
}

/** The size of a piece, in values: 4 MB as float32, and at most 8 MB in the file. */
const chunkElements = 2 ** 20;

/** Strides of a tensor whose elements follow each other, the last dimension fastest. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides: number[] = [];
  let step = 1;
  for (const size of shape.toReversed()) {
    strides.unshift(step);
    step *= size;
  }
  return strides;
}

/** Number of elements. */
function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** @throws CaptionError `checkpoint-invalid` if an element lies outside of the storage, or the shape is beyond reason */
export function checkView(name: string, { file, dtype, shape, strides, offset, storage }: TensorView): void {
  const elements = Math.floor(storage.length / elementBytes[dtype]);
  const total = elementCount(shape);
  if (!Number.isSafeInteger(total))
    throw invalid(file.path, `tensor ${quoted(name)} has the shape [${shape.join(', ')}]`);
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, offset);
  if (total > 0 && !(last < elements)) {
    throw invalid(file.path, `tensor ${quoted(name)} reaches to element ${last} of a storage of ${elements}`);
  }
}

/** A name of the file's choosing, for messages. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}

/** The same matrix with rows and columns exchanged. */
export function transposed(view: TensorView): TensorView {
  if (view.shape.length !== 2) throw new Error('only a matrix can be transposed');
  return { ...view, shape: view.shape.toReversed(), strides: view.strides.toReversed() };
}

/**
 * All values in row-major order, in pieces of whole rows (the last dimension) where a row has at most 2^20 values.
 * @throws CaptionError `checkpoint-invalid` for a view that repeats its elements more often than the file has bytes
 */
export async function* readView(name: string, view: TensorView): AsyncGenerator<Float32Array, void, void> {
  const total = elementCount(view.shape);
  const { file } = view;
  if (total > file.size) {
    throw invalid(file.path, `tensor ${quoted(name)} repeats its values to ${total} in a file of ${file.size} bytes`);
  }
  const row = view.shape.at(-1) ?? 1;
  const step = row > chunkElements ? chunkElements : Math.floor(chunkElements / Math.max(1, row)) * row;
  const gather = isContiguous(view) ? readContiguous : readStrided;
  for (let start = 0; start < total; start += step) yield gather(view, start, Math.min(step, total - start));
}

function isContiguous({ shape, strides }: TensorView): boolean {
  const expected = rowMajor(shape);
  return shape.every((size, axis) => size === 1 || strides[axis] === expected[axis]);
}

async function readContiguous(view: TensorView, start: number, length: number): Promise<Float32Array> {
  const bytes = await readElements(view, view.offset + start, length);
  if (view.dtype === 'float32') return new Float32Array(bytes.buffer, bytes.byteOffset, length);
  const values = new Float32Array(view.file.allocate(4 * length));
  convertRun(converter(view.dtype), dataView(bytes), 0, 1, values, 0, length);
  return values;
}

async function readStrided(view: TensorView, start: number, length: number): Promise<Float32Array> {
  const values = new Float32Array(view.file.allocate(4 * length));
  const convert = converter(view.dtype);
  let [first, last] = [Infinity, -Infinity];
  forEachRun(view, start, length, (_, base, count, stride) => {
    first = Math.min(first, base);
    last = Math.max(last, base + (count - 1) * stride);
  });
  for (let begin = first; begin <= last; begin += chunkElements) {
    const end = Math.min(begin + chunkElements, last + 1);
    const window = dataView(await readElements(view, begin, end - begin));
    forEachRun(view, start, length, (to, base, count, stride) => {
      const [from, until] = within(base, count, stride, begin, end);
      if (from < until)
        convertRun(convert, window, base + from * stride - begin, stride, values, to + from, until - from);
    });
  }
  return values;
}

/** Which elements of a run lie in [begin, end): the first, and the one after the last. */
function within(base: number, count: number, stride: number, begin: number, end: number): [number, number] {
  if (stride === 0) return base >= begin && base < end ? [0, count] : [0, 0];
  return [Math.max(0, Math.ceil((begin - base) / stride)), Math.min(count, Math.ceil((end - base) / stride))];
}

/**
 * Values `start` to `start + length` of the view as runs along its last dimension.
 * @param visit is told the run's place among the values, its first element in the storage, its length and its stride
 */
function forEachRun(
  { shape, strides, offset }: TensorView,
  start: number,
  length: number,
  visit: (to: number, base: number, count: number, stride: number) => void,
): void {
  const row = shape.at(-1) ?? 1;
  const stride = strides.at(-1) ?? 0;
  const outer = shape.slice(0, -1);
  for (let done = 0; done < length;) {
    const column = (start + done) % row;
    const run = Math.min(row - column, length - done);
    let base = offset + column * stride;
    let rest = Math.floor((start + done) / row);
    for (let axis = outer.length - 1; axis >= 0 && rest > 0; axis--) {
      base += (rest % outer[axis]!) * strides[axis]!;
      rest = Math.floor(rest / outer[axis]!);
    }
    visit(done, base, run, stride);
    done += run;
  }
}

function convertRun(
  convert: Convert,
  source: DataView,
  from: number,
  stride: number,
  target: Float32Array,
  to: number,
  length: number,
): void {
  for (let i = 0; i < length; i++) convert(source, from + i * stride, target, to + i);
}

/** Elements of the storage, little-endian. */
async function readElements({ file, dtype, storage }: TensorView, begin: number, length: number): Promise<Buffer> {
  const size = elementBytes[dtype];
  const bytes = await file.read(storage.begin + begin * size, length * size);
  if (storage.bigEndian) swapBytes(bytes, size);
  return bytes;
}

function dataView(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
