/** Small files that anyone may have put, or changed, where we look for them. */
import { openWithoutWaiting } from './pack/hashFile.js';

/** There is something, and it is no file of such a size. Its message goes on behind a path. */
export class NoSmallFile extends Error {
  override readonly name = 'NoSmallFile';
}

/**
 * The text of a file. Of a larger one nothing is read, and a pipe is not waited for.
 * @param limit in bytes
 * @throws NoSmallFile, or the system's error if it cannot be opened or read
 */
export async function readSmallFile(path: string, limit: number): Promise<string> {
  const file = await openWithoutWaiting(path);
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new NoSmallFile('is not a regular file');
    if (status.size > limit) throw new NoSmallFile(`has ${status.size} bytes, at most ${limit} are read`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
