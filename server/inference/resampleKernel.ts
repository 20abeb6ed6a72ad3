/** The inner loops of a resize, in WebAssembly. All of it works on the kernel's own memory, which is given out in parts. */
import { resampleKernelCode } from './resampleKernelCode.js';
import { instantiate, reserve, type WithMemory } from './webAssemblyKernel.js';

/** Numbers are addresses unless they are named otherwise in `resampleKernel.wat`. */
interface Kernel {
  narrow(row: number, table: number, width: number, length: number, out: number): void;
  accumulate(sums: number, row: number, weights: number, count: number, length: number): void;
  clip(sums: number, out: number, length: number): void;
}

/** What whole vectors may read and write beyond a part's end. */
const paddingBytes = 64;
/** Memory that is kept from one image to the next. */
const keptBytes = 2 ** 24;

const tooLarge = 'There is not enough memory to resize an image of such a shape. Close other programs, or crop it.';

type Instance = Kernel & WithMemory;

let kept: Instance | undefined;

/**
 * Calls `work` with the kernel, its memory, and the addresses of parts of it that have these sizes in bytes. What is in
 * them is of an earlier call.
 * @throws CaptionError `out-of-memory`
 */
export function withKernel<Result>(
  sizes: readonly number[],
  work: (kernel: Kernel, memory: ArrayBuffer, parts: readonly number[]) => Result,
): Result {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the exports of our own module
  const { memory, ...kernel } = (kept ??= instantiate(resampleKernelCode) as Instance);
  let end = 0;
  const parts = sizes.map((size) => {
    const start = end;
    end += Math.ceil((size + paddingBytes) / paddingBytes) * paddingBytes;
    return start;
  });
  reserve({ memory }, end, tooLarge);
  if (end > keptBytes) kept = undefined;
  return work(kernel, memory.buffer, parts);
}
