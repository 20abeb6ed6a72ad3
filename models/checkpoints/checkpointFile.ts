/**
 * A checkpoint on disk, read in pieces. Files come from other people: whatever one of them claims, no piece of memory is
 * asked for that the file's own length does not justify. All readers allocate through {@link CheckpointFile.allocate}.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { CaptionError } from '@clipcap/protocol/error';
import { invalid } from './errors.js';

/** Where the bytes come from: a file handle, or memory. */
export interface ByteSource {
  /** Fills `into` from `position` on as far as it can; gives the number of bytes read, 0 at the end. */
  read(into: Uint8Array, position: number): Promise<number>;
  close(): Promise<void>;
}

/** A byte of the file may become one float32. */
const widening = 4;

export class CheckpointFile {
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  readonly #source: ByteSource;

  constructor(path: string, size: number, source: ByteSource) {
    this.path = path;
    this.size = size;
    this.#source = source;
  }

  /** @throws CaptionError `checkpoint-missing` if there is no readable file */
  static async open(path: string): Promise<CheckpointFile> {
    // Opening a pipe that nobody writes to would otherwise wait for ever.
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((cause: unknown) => {
      throw missing(path, 'There is no readable file', cause);
    });
    try {
      const status = await file.stat();
      if (!status.isFile()) throw missing(path, 'There is no regular file');
      return new CheckpointFile(path, status.size, {
        read: async (into, position) => (await file.read(into, 0, into.length, position)).bytesRead,
        close: () => file.close(),
      });
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * The one way to memory for a reader.
   * @throws CaptionError `checkpoint-invalid` for more than four times the file's length: each byte widened to a float32
   */
  allocate(bytes: number): ArrayBuffer {
    if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes > widening * this.size) {
      throw invalid(this.path, `it asks for ${bytes} bytes of memory and has only ${this.size} itself`);
    }
    return new ArrayBuffer(bytes);
  }

  /** Reads `length` bytes at `offset`. @throws CaptionError `checkpoint-invalid` where the file ends before */
  async read(offset: number, length: number): Promise<Buffer> {
    this.#checkRange(offset, length);
    const bytes = Buffer.from(this.allocate(length));
    await this.readInto(bytes, offset);
    return bytes;
  }

  /** Fills `into` from `offset` on. @throws CaptionError `checkpoint-invalid` where the file ends before */
  async readInto(into: Uint8Array, offset: number): Promise<void> {
    this.#checkRange(offset, into.length);
    for (let filled = 0; filled < into.length;) {
      const count = await this.#source.read(into.subarray(filled), offset + filled);
      if (count === 0) throw invalid(this.path, `it ends at byte ${offset + filled}, while it was being read`);
      filled += count;
    }
  }

  close(): Promise<void> {
    return this.#source.close();
  }

  #checkRange(offset: number, length: number): void {
    const end = offset + length;
    if (offset < 0 || length < 0 || !Number.isSafeInteger(end) || end > this.size) {
      throw invalid(this.path, `bytes ${offset} to ${end} are needed, and it has ${this.size}`);
    }
  }
}

function missing(path: string, what: string, cause?: unknown): CaptionError {
  return new CaptionError('checkpoint-missing', `${what} at ${path}. Check the path and its permissions.`, { cause });
}
