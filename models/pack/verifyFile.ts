/** Proves that a file of a pack is the one its manifest describes, before anything reads it. */
import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';

export interface ExpectedFile {
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

const remedy = 'Import or download the pack again.';
const chunkBytes = 2 ** 20;

/** Opens a file for reading; opening a pipe that nobody writes to would otherwise wait for ever. */
export function openWithoutWaiting(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
}

/** What was hashed by this process; a file is read again when its size or time changed. */
const verified = new Map<string, { readonly mtimeMs: number; readonly size: number; readonly sha256: string }>();

/**
 * @param folder the pack's folder, links resolved
 * @param name a plain file name
 * @returns the file's path
 * @throws CaptionError `pack-file-missing`, `pack-file-changed`, or `pack-invalid` for a link that leaves the folder
 */
export async function verifyFile(folder: string, name: string, expected: ExpectedFile): Promise<string> {
  const path = await resolveInside(folder, name);
  const found = await stat(path);
  if (!found.isFile()) throw new CaptionError('pack-file-missing', `${path} is not a file. ${remedy}`);
  if (found.size !== expected.size) {
    throw new CaptionError(
      'pack-file-changed',
      `${path} has ${found.size} bytes instead of ${expected.size}. ${remedy}`,
    );
  }
  if ((await sha256(path, found)) !== expected.sha256) {
    throw new CaptionError(
      'pack-file-changed',
      `${path} differs from the file that pack.json describes (SHA-256). ${remedy}`,
    );
  }
  return path;
}

async function resolveInside(folder: string, name: string): Promise<string> {
  const path = await realpath(join(folder, name)).catch((cause: unknown) => {
    throw new CaptionError('pack-file-missing', `${join(folder, name)} cannot be found. ${remedy}`, { cause });
  });
  if (dirname(path) === folder) return path;
  throw new CaptionError('pack-invalid', `${join(folder, name)} is a link out of the pack’s folder. ${remedy}`);
}

async function sha256(path: string, { mtimeMs, size }: Stats): Promise<string> {
  const known = verified.get(path);
  if (known?.mtimeMs === mtimeMs && known.size === size) return known.sha256;
  const hash = createHash('sha256');
  const file = await openWithoutWaiting(path).catch((cause: unknown) => {
    throw new CaptionError('pack-file-missing', `${path} cannot be read. Check its permissions.`, { cause });
  });
  try {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    for (let read = await file.read(chunk); read.bytesRead > 0; read = await file.read(chunk)) {
      hash.update(chunk.subarray(0, read.bytesRead));
    }
  } finally {
    await file.close();
  }
  const digest = hash.digest('hex');
  verified.set(path, { mtimeMs, size, sha256: digest });
  return digest;
}
