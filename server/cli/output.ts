/** Where the command line's words go. */
import { mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';

/** Writes text to a terminal or a pipe; its end is waited for when the process ends. */
export function write(stream: NodeJS.WriteStream, text: string): void {
  stream.write(text);
}

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

/** Fails with `usage` if a file of this name can never be written, before work is spent on its content. */
export async function checkOutput(file: string, option = '--output'): Promise<void> {
  const folder = await stat(dirname(file)).catch(() => undefined);
  if (!folder?.isDirectory()) {
    throw new CaptionError('usage', `${option} ${file} is in no existing folder. Make the folder first.`);
  }
  const existing = await stat(file).catch(() => undefined);
  if (existing && !existing.isFile()) {
    throw new CaptionError('usage', `${option} ${file} is not a regular file. Name another file.`);
  }
}

/**
 * Writes a whole file or nothing: beside its place first, then renamed.
 * @throws CaptionError `usage`: the file cannot be written
 */
export async function writeWhole(file: string, text: string, option = '--output'): Promise<void> {
  let folder: string | undefined;
  try {
    folder = await mkdtemp(join(dirname(file), `.${basename(file)}-`));
    const fresh = join(folder, 'new');
    await writeFile(fresh, text);
    await rename(fresh, file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CaptionError('usage', `${option} ${file} cannot be written (${reason}). Name another file.`, { cause });
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}
