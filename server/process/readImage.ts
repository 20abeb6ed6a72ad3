/** Reading an image file once, for its bytes and its identity. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { CaptionError } from '@clipcap/protocol/error';

export interface ImageFile {
  readonly bytes: Uint8Array;
  /** SHA-256 of `bytes`, hexadecimal. */
  readonly sha256: string;
}

/** The largest file that is read. */
const maxBytes = 200 * 2 ** 20;
/** As many as are looked at for an SVG's first element. */
const startBytes = 4096;

/**
 * Reads an image file of at most 200 MiB.
 *
 * @throws CaptionError `missing`, `unreadable`, `not-a-file`, `symlink-loop`, `empty-file` or `too-large`, naming the
 * file as `name` (default: its path) and what to do.
 */
export async function readImage(path: string, name = path): Promise<ImageFile> {
  const bytes = await readBytes(path, name, maxBytes);
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** The first bytes of an image file, which tell its format. @throws CaptionError as `readImage` does */
export async function readStart(path: string): Promise<Uint8Array> {
  return readBytes(path, path, startBytes);
}

async function readBytes(path: string, name: string, most: number): Promise<Uint8Array> {
  let file: FileHandle | undefined;
  try {
    // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    return await readRegularFile(file, name, most);
  } catch (error) {
    throw error instanceof CaptionError ? error : fromSystemError(error, name);
  } finally {
    await file?.close();
  }
}

async function readRegularFile(file: FileHandle, name: string, most: number): Promise<Uint8Array> {
  const status = await file.stat();
  if (!status.isFile()) throw notAFile(name);
  if (status.size > maxBytes) {
    throw new CaptionError(
      'too-large',
      `${name} has ${Math.ceil(status.size / 2 ** 20)} MiB; the limit is ${maxBytes / 2 ** 20} MiB. Shrink the image first.`,
    );
  }
  // Not more than its size at the beginning: a file that grows meanwhile cannot exceed the limit.
  const bytes = new Uint8Array(Math.min(status.size, most));
  let length = 0;
  while (length < bytes.length) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  if (length === 0) {
    throw new CaptionError('empty-file', `${name} is empty (0 bytes). Restore the file, or leave it out.`);
  }
  return bytes.subarray(0, length);
}

function notAFile(name: string): CaptionError {
  return new CaptionError('not-a-file', `${name} is not a regular file. Name an image file.`);
}

/** Says what the system's error in reading a file or folder means, and what to do. */
export function fromSystemError(error: unknown, name: string): CaptionError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      if (name.includes('\ufffd')) {
        const message = `${name} cannot be reached: its name is not valid UTF-8 (�). Rename it, then name it again.`;
        return new CaptionError('missing', message, { cause: error });
      }
      return new CaptionError('missing', `${name} does not exist. Check the path.`, { cause: error });
    case 'EACCES':
    case 'EPERM':
      return new CaptionError('unreadable', `${name} may not be read by you. Change its permissions.`, {
        cause: error,
      });
    case 'ELOOP':
      return new CaptionError('symlink-loop', `${name} is a symbolic link that leads back to itself. Fix the link.`, {
        cause: error,
      });
    case 'EISDIR':
    case 'ENXIO':
      return notAFile(name);
    default: {
      // Node's message names the path once more: "ENAMETOOLONG: name too long, open 'PATH'".
      const message = error instanceof Error ? error.message : String(error);
      const reason = /^[A-Z0-9]+: (.*?), /u.exec(message)?.[1] ?? message;
      return new CaptionError('unreadable', `${name} cannot be read: ${reason}. Check its name and its disk.`, {
        cause: error,
      });
    }
  }
}
