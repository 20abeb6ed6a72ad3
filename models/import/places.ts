/** Where the files are looked for that belong to a checkpoint or an encoder. */
import { realpath, stat } from 'node:fs/promises';
import { dirname, parse } from 'node:path';

export interface Place {
  readonly folder: string;
  /** What the checkpoint is called there, without its ending. */
  readonly stem: string;
}

/**
 * A folder is its own place. A file's is where it was named, then, if that is a link, where it leads to: snapshots of the
 * hub's cache have the names, and what they link to has none.
 */
export async function placesOf(path: string): Promise<Place[]> {
  if ((await stat(path)).isDirectory()) return [{ folder: path, stem: parse(path).name }];
  const paths = new Set([path, await realpath(path)]);
  return [...paths].map((each) => ({ folder: dirname(each), stem: parse(each).name }));
}
