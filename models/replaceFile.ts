/** Files that are there whole or as they were: a reader never sees half of one. */
import { chmod, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/**
 * Writes beside a file's place and renames. The permissions of an old file are kept.
 * @param text the content, or its pieces
 * @throws the system's error; then nothing has changed
 */
export async function replaceFile(place: string, text: string | Iterable<string>): Promise<void> {
  const old = await stat(place).catch(() => undefined);
  const folder = await folderBeside(place);
  try {
    const fresh = join(folder, 'new');
    await writeFile(fresh, text);
    if (old) await chmod(fresh, old.mode & 0o777);
    await rename(fresh, place);
  } finally {
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Makes a hidden folder on the same disk, which one rename leads from to the file's place. */
export function folderBeside(place: string): Promise<string> {
  return mkdtemp(join(dirname(place), `.${basename(place).slice(0, 100)}-`));
}
