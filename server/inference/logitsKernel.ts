/** The passes over a whole row of logits, in WebAssembly: its softmax's sum, and where its largest values can be. */
import { logitsKernelCode } from './logitsKernelCode.js';
import { instantiate, reserve, type WithMemory } from './webAssemblyKernel.js';

/** Values of which the largest is found together. */
export const blockLength = 64;

const tooLarge = 'There is not enough memory to choose the next token. Close other programs, or use a smaller model.';

/** Numbers are addresses unless they are named otherwise in `logitsKernel.wat`. */
interface Kernel extends WithMemory {
  blockMaxima(values: number, count: number, out: number): void;
  sumExp(values: number, count: number, max: number): number;
}

/** A row in the kernel's memory, until the next one is loaded. */
export interface LoadedRow {
  /** The largest value of every {@link blockLength}; what is not a number is no largest value. */
  readonly maxima: Float32Array;
  /**
   * Σ exp(value − max), right to 10⁻⁶ of itself if `max` is the largest value; NaN if a value is NaN or `max` is not
   * finite.
   */
  sumExp(max: number): number;
}

let kernel: Kernel | undefined;

/**
 * Copies `values` [V], V ≥ 1, to the kernel; the row that was loaded before is gone.
 * @throws CaptionError `out-of-memory`
 */
export function loadRow(values: Float32Array): LoadedRow {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the exports of our own module
  const loaded = (kernel ??= instantiate(logitsKernelCode) as Kernel);
  const blocks = Math.ceil(values.length / blockLength);
  const length = blocks * blockLength;
  const bytes = (length + blocks) * Float32Array.BYTES_PER_ELEMENT;
  reserve(loaded, bytes, tooLarge);
  const { buffer } = loaded.memory;
  const row = new Float32Array(buffer, 0, length);
  row.set(values);
  row.fill(-Infinity, values.length);
  const maxima = new Float32Array(buffer, row.byteLength, blocks);
  loaded.blockMaxima(0, blocks, maxima.byteOffset);
  return { maxima, sumExp: (max) => loaded.sumExp(0, blocks, max) };
}
