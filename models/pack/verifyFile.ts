/** Proves that a file of a pack is the one its manifest describes, before anything reads it. */
import { type BigIntStats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';
import { hashFile, hashFileInThread } from './hashFile.js';

export interface ExpectedFile {
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

const remedy = 'Import or download the pack again.';

/** Bytes. The hash of a smaller file takes less time than starting a thread for it. */
const largeFile = 2 ** 26;

/** What was hashed by this process, and which state of the file that was. */
const verified = new Map<string, { readonly state: string; readonly sha256: string }>();

/**
 * Where a file of a pack lies; its contents are still to be verified.
 * @param folder the pack's folder, links resolved
 * @param name a plain file name
 * @throws CaptionError `pack-file-missing`, `pack-file-changed` for another size, or `pack-invalid` for a link that
 * leaves the folder
 */
export async function locateFile(folder: string, name: string, expected: ExpectedFile): Promise<string> {
  const path = await resolveInside(folder, name);
  const found = await stat(path);
  if (!found.isFile()) throw new CaptionError('pack-file-missing', `${path} is not a file. ${remedy}`);
  if (found.size !== expected.size) {
    throw new CaptionError(
      'pack-file-changed',
      `${path} has ${found.size} bytes instead of ${expected.size}. ${remedy}`,
    );
  }
  return path;
}

/** @throws CaptionError `pack-file-missing` or `pack-file-changed` */
export async function verifyFile(path: string, expected: ExpectedFile): Promise<void> {
  if ((await sha256(path)) === expected.sha256) return;
  throw new CaptionError(
    'pack-file-changed',
    `${path} differs from the file that pack.json describes (SHA-256). ${remedy}`,
  );
}

async function resolveInside(folder: string, name: string): Promise<string> {
  const path = await realpath(join(folder, name)).catch((cause: unknown) => {
    throw new CaptionError('pack-file-missing', `${join(folder, name)} cannot be found. ${remedy}`, { cause });
  });
  if (dirname(path) === folder) return path;
  throw new CaptionError('pack-invalid', `${join(folder, name)} is a link out of the pack’s folder. ${remedy}`);
}

async function sha256(path: string): Promise<string> {
  try {
    const found = await stat(path, { bigint: true });
    const state = stateOf(found);
    const known = verified.get(path);
    if (known?.state === state) return known.sha256;
    const digest = await (found.size < largeFile ? hashFile(path) : hashFileInThread(path));
    if (stateOf(await stat(path, { bigint: true })) !== state) {
      throw new CaptionError('pack-file-changed', `${path} was changed while it was read. Try again.`);
    }
    verified.set(path, { state, sha256: digest });
    return digest;
  } catch (cause) {
    if (cause instanceof CaptionError) throw cause;
    throw new CaptionError('pack-file-missing', `${path} cannot be read. Check its permissions.`, { cause });
  }
}

/** A program can set the time of a file's last change to what it was before, but not that of its entry (ctime). */
function stateOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join();
}
