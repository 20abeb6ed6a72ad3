/** Where the files are looked for that belong to a checkpoint or an encoder. */
import { realpath, stat } from 'node:fs/promises';
import { dirname, parse } from 'node:path';
import { CheckpointFile } from '../checkpoints/checkpointFile.js';
import { readJson } from '../checkpoints/huggingFace.js';

const maxConfigBytes = 2 ** 20;

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

/**
 * A configuration file, parsed, if it is there.
 * @throws CaptionError `checkpoint-invalid` if it is no JSON
 */
export async function readConfigFile(path: string): Promise<unknown> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return undefined;
  const file = await CheckpointFile.open(path);
  try {
    return await readJson(file, maxConfigBytes);
  } finally {
    await file.close();
  }
}
