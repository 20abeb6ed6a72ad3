/** Where the command line's words go. */
import { lstat, realpath, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { folderBeside, replaceFile } from '@clipcap/models/replaceFile';
import { CaptionError } from '@clipcap/protocol/error';

/** An error that nothing foresaw, as one that scripts can read. */
export function unexpected(cause: unknown): CaptionError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new CaptionError(
    'inference-failed',
    `Something unexpected failed (${reason}). Try again, report it if it stays.`,
    {
      cause,
    },
  );
}

/** Fails with `usage` if a file of this name cannot be written, before work is spent on its content. */
export async function checkOutput(file: string, option = '--output'): Promise<void> {
  const folder = await stat(dirname(file)).catch(() => undefined);
  if (!folder?.isDirectory()) {
    throw new CaptionError('usage', `${option} ${file} is in no existing folder. Make the folder first.`);
  }
  const existing = await stat(file).catch(() => undefined);
  if (existing && !existing.isFile()) {
    throw new CaptionError('usage', `${option} ${file} is not a regular file. Name another file.`);
  }
  const trial = await folderBeside(await placeOf(file)).catch((cause: unknown) => {
    throw unwritable(file, option, cause);
  });
  await rm(trial, { recursive: true, force: true });
}

/** The file that a path means: a symbolic link's target. */
async function placeOf(file: string): Promise<string> {
  const isLink = await lstat(file).then(
    (status) => status.isSymbolicLink(),
    () => false,
  );
  return isLink ? realpath(file) : file;
}

function unwritable(file: string, option: string, cause: unknown): CaptionError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new CaptionError('usage', `${option} ${file} cannot be written (${reason}). Name another file.`, { cause });
}

/**
 * Writes a whole file or nothing. A link stays a link, an old file's permissions are kept.
 * @throws CaptionError `usage`: the file cannot be written
 */
export async function writeWhole(file: string, text: string | Iterable<string>, option = '--output'): Promise<void> {
  try {
    await replaceFile(await placeOf(file), text);
  } catch (cause) {
    throw unwritable(file, option, cause);
  }
}
