/** What our WebAssembly kernels have in common: they are made of committed code, and their memory grows. */
import { CaptionError } from '@clipcap/protocol/error';

const pageBytes = 2 ** 16;

/** A kernel with the memory that it works on. */
export interface WithMemory {
  readonly memory: WebAssembly.Memory;
}

/** The exports of a module in base64. */
export function instantiate(code: string): unknown {
  return new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(code, 'base64'))).exports;
}

/**
 * Makes a kernel's memory at least `bytes` large; views of it are then of a buffer that is gone.
 * @param message what the user is told if there is not as much
 * @throws CaptionError `out-of-memory`
 */
export function reserve({ memory }: WithMemory, bytes: number, message: string): void {
  const missing = bytes - memory.buffer.byteLength;
  if (missing <= 0) return;
  try {
    memory.grow(Math.ceil(missing / pageBytes));
  } catch (cause) {
    throw new CaptionError('out-of-memory', message, { cause });
  }
}
