/** The inner loops of a resize, in WebAssembly. All of it works on the kernel's own memory, which is given out in parts. */
import { CaptionError } from '@clipcap/protocol/error';
import { resampleKernelCode } from './resampleKernelCode.js';

/** Numbers are addresses unless they are named otherwise in `resampleKernel.wat`. */
interface Kernel {
  narrow(row: number, table: number, width: number, length: number, out: number): void;
  accumulate(sums: number, row: number, weights: number, count: number, length: number): void;
  clip(sums: number, out: number, length: number): void;
}

/** What whole vectors may read and write beyond a part's end. */
const paddingBytes = 64;
const pageBytes = 2 ** 16;
/** Memory that is kept from one image to the next. */
const keptBytes = 2 ** 24;

type Instance = Kernel & { readonly memory: WebAssembly.Memory };

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
  const { memory, ...kernel } = (kept ??= instantiate());
  let end = 0;
  const parts = sizes.map((size) => {
    const start = end;
    end += Math.ceil((size + paddingBytes) / paddingBytes) * paddingBytes;
    return start;
  });
  const missing = end - memory.buffer.byteLength;
  if (missing > 0) grow(memory, Math.ceil(missing / pageBytes));
  if (end > keptBytes) kept = undefined;
  return work(kernel, memory.buffer, parts);
}

function grow(memory: WebAssembly.Memory, pages: number): void {
  try {
    memory.grow(pages);
  } catch (cause) {
    const message = 'There is not enough memory to resize an image of such a shape. Close other programs, or crop it.';
    throw new CaptionError('out-of-memory', message, { cause });
  }
}

function instantiate(): Instance {
  const code = new WebAssembly.Module(Buffer.from(resampleKernelCode, 'base64'));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the exports of our own module
  return new WebAssembly.Instance(code).exports as Instance;
}
