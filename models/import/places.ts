/** Where the files are looked for that belong to a checkpoint or an encoder. */
import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, parse } from 'node:path';
import { CheckpointFile } from '../checkpoints/checkpointFile.js';
import { unsupported } from '../checkpoints/errors.js';
import { readJson } from '../checkpoints/huggingFace.js';
import { packFiles } from '../pack/manifest.js';

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
 * What a pack's weights are computed with is in its manifest, and lost without it.
 * @throws CaptionError `checkpoint-unsupported` for a pack's folder or its weights
 */
export async function refusePack(path: string): Promise<void> {
  const folder = basename(path) === packFiles.weights ? dirname(path) : path;
  if (!(await isThere(join(folder, packFiles.manifest)))) return;
  const remedy = 'Caption with the pack’s folder, or name the files that it was imported from.';
  throw unsupported(path, 'belongs to a model pack, which needs no import', remedy);
}

function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * A configuration file, parsed, if it is there.
 * @throws CaptionError `checkpoint-invalid` if it is no JSON
 */
export async function readConfigFile(path: string): Promise<unknown> {
  if (!(await isThere(path))) return undefined;
  const file = await CheckpointFile.open(path);
  try {
    return await readJson(file, maxConfigBytes);
  } finally {
    await file.close();
  }
}
