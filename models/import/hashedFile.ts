/** A file that is hashed while it is written, so that no byte is read again to describe it. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';
import type { ExpectedFile } from '../pack/verifyFile.js';

/**
 * Writes a new file; a failure may leave a part of it.
 * @param signal is asked before every piece
 * @throws CaptionError `pack-unwritable` naming file and remedy, `cancelled`, or what `pieces` throws
 */
export async function writeHashed(
  path: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  signal: AbortSignal,
): Promise<ExpectedFile> {
  const file = await open(path, 'wx').catch((cause: unknown) => {
    throw unwritable(path, cause);
  });
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const piece of pieces) {
      throwIfCancelled(signal);
      hash.update(piece);
      size += piece.length;
      for (let written = 0; written < piece.length;) {
        const { bytesWritten } = await file.write(piece, written).catch((cause: unknown) => {
          throw unwritable(path, cause);
        });
        written += bytesWritten;
      }
    }
    await file.sync().catch((cause: unknown) => {
      throw unwritable(path, cause);
    });
  } finally {
    await file.close();
  }
  return { size, sha256: hash.digest('hex') };
}

/** @throws CaptionError `cancelled` */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new CaptionError('cancelled', 'The import was cancelled; nothing was written.');
}

/** A system's error about a file or folder of the pack that is being written, with its remedy. */
export function unwritable(path: string, cause: unknown): CaptionError {
  if (cause instanceof CaptionError) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const reasons: Readonly<Record<string, string>> = {
    ENOSPC: 'the disk is full. Free some space, name a folder on another disk, or use a smaller --dtype.',
    EDQUOT: 'your quota on this disk is used up. Free some space, or name a folder on another disk.',
    EFBIG: 'its file system takes no file of this size. Name a folder on another disk, or use a smaller --dtype.',
    EACCES: 'you may not write there. Change its permissions, or name another folder.',
    EPERM: 'you may not write there. Change its permissions, or name another folder.',
    EROFS: 'its file system is read-only. Name a folder on another disk.',
    EBUSY: 'it is in use, or a mount point. Name another folder, or one in it.',
    ELOOP: 'its path leads through symbolic links that come back to themselves. Name another folder.',
    ENAMETOOLONG: 'its name is too long for the folder beside it that it is written into first. Choose a shorter one.',
    ENOTDIR: 'a part of the path is a file. Name another folder.',
  };
  const reason = reasons[code] ?? `${cause instanceof Error ? cause.message : String(cause)}. Name another folder.`;
  return new CaptionError('pack-unwritable', `${basename(path)} cannot be written: ${reason} (${path})`, { cause });
}
