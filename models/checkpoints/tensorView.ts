/**
 * Values of a tensor in a file, as float32, in pieces: a view (offset, shape, strides) of a storage is gathered through
 * windows of bounded size, so that transposed and sliced tensors need no more memory than others.
 */
import type { CheckpointFile } from './checkpointFile.js';
import { convertRun, elementBytes, elementsOf, swapBytes, type DType, type Elements } from './dtype.js';
import { invalid, quoted } from './errors.js';
import { RecordChecksum, type RecordSum } from './recordChecksum.js';

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
    /** What it should be, where that is known. */
    readonly sum?: RecordSum;
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

/**
 * A stride of 0 repeats values, so that a few bytes can claim any shape. Nothing is computed from a shape, and no memory
 * asked for, that has more values than the file has bytes.
 * @throws CaptionError `checkpoint-invalid`
 */
export function checkRepeats(name: string, { file, shape }: TensorView): void {
  const total = elementCount(shape);
  if (total > file.size) {
    throw invalid(file.path, `tensor ${quoted(name)} repeats its values to ${total} in a file of ${file.size} bytes`);
  }
}

/** The same matrix with rows and columns exchanged. */
export function transposed(view: TensorView): TensorView {
  if (view.shape.length !== 2) throw new Error('only a matrix can be transposed');
  return { ...view, shape: view.shape.toReversed(), strides: view.strides.toReversed() };
}

/**
 * All values in row-major order, in pieces of whole rows (the last dimension) where a row has at most 2^20 values.
 * @throws CaptionError `checkpoint-invalid` for a view that repeats its elements more often than the file has bytes, and,
 * after the last piece of a storage that was read as it lies there, if its checksum is wrong
 */
export async function* readView(name: string, view: TensorView): AsyncGenerator<Float32Array, void, void> {
  checkRepeats(name, view);
  const total = elementCount(view.shape);
  const { file, storage } = view;
  const dense = withoutOnes(view);
  const row = dense.shape.at(-1) ?? 1;
  const step = row > chunkElements ? chunkElements : Math.floor(chunkElements / Math.max(1, row)) * row;
  const contiguous = isContiguous(dense);
  const isWhole = contiguous && total * elementBytes[view.dtype] === storage.length;
  const checksum = isWhole && storage.sum ? new RecordChecksum(storage.sum) : undefined;
  // All windows share one buffer: a piece of a transposed matrix may need every one of them.
  const elements = Math.floor(storage.length / elementBytes[view.dtype]);
  const buffer = contiguous ? undefined : file.allocate(Math.min(chunkElements, elements) * elementBytes[view.dtype]);
  for (let start = 0; start < total; start += step) {
    const length = Math.min(step, total - start);
    yield buffer ? readStrided(dense, start, length, buffer) : readContiguous(dense, start, length, checksum);
  }
  checksum?.check(file.path);
}

/** The same values without the dimensions of size 1. */
function withoutOnes(view: TensorView): TensorView {
  const axes = [...view.shape.keys()].filter((axis) => view.shape[axis] !== 1);
  return { ...view, shape: axes.map((axis) => view.shape[axis]!), strides: axes.map((axis) => view.strides[axis]!) };
}

function isContiguous({ shape, strides }: TensorView): boolean {
  const expected = rowMajor(shape);
  return shape.every((_, axis) => strides[axis] === expected[axis]);
}

async function readContiguous(
  view: TensorView,
  start: number,
  length: number,
  checksum: RecordChecksum | undefined,
): Promise<Float32Array> {
  const buffer = view.file.allocate(length * elementBytes[view.dtype]);
  const elements = await readElements(view, view.offset + start, length, buffer, checksum);
  if (elements.values instanceof Float32Array) return elements.values;
  const values = new Float32Array(view.file.allocate(4 * length));
  convertRun(elements, 0, 1, values, 0, length);
  return values;
}

async function readStrided(
  view: TensorView,
  start: number,
  length: number,
  buffer: ArrayBuffer,
): Promise<Float32Array> {
  const values = new Float32Array(view.file.allocate(4 * length));
  let [first, last] = [Infinity, -Infinity];
  forEachRun(view, start, length, (_, base, count, stride) => {
    first = Math.min(first, base);
    last = Math.max(last, base + (count - 1) * stride);
  });
  for (let begin = first; begin <= last; begin += chunkElements) {
    const end = Math.min(begin + chunkElements, last + 1);
    const window = await readElements(view, begin, end - begin, buffer);
    forEachRun(view, start, length, (to, base, count, stride) => {
      const [from, until] = within(base, count, stride, begin, end);
      if (from < until) convertRun(window, base + from * stride - begin, stride, values, to + from, until - from);
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

/** Elements of the storage, read into the beginning of `buffer`. */
async function readElements(
  { file, dtype, storage }: TensorView,
  begin: number,
  length: number,
  buffer: ArrayBuffer,
  checksum?: RecordChecksum,
): Promise<Elements> {
  const size = elementBytes[dtype];
  const bytes = new Uint8Array(buffer, 0, length * size);
  await file.readInto(bytes, storage.begin + begin * size);
  checksum?.add(bytes);
  if (storage.bigEndian) swapBytes(bytes, size);
  return elementsOf(dtype, buffer);
}
