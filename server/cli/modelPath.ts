/** Where a model is that was named by a path, or by the id under which it was downloaded. */
import { readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isWhole, modelsFolder, storedModel } from '@clipcap/models/download/store';
import { modelNamedBy } from '@clipcap/models/registry/registry';
import { CaptionError } from '@clipcap/protocol/error';

/**
 * @param role what messages call it
 * @param signal ends the hashing of a downloaded model, which may take minutes
 * @throws CaptionError `checkpoint-missing`, `cancelled`, or `download-mismatch` for a downloaded model that was changed since
 */
export async function modelPath(named: string, role: string, signal?: AbortSignal): Promise<string> {
  const path = resolve(named);
  const there = await stat(path).catch(() => undefined);
  if (there) {
    // The list of models tells the folder of one, whose files are looked at only here.
    await isWhole(there.isDirectory() ? path : dirname(path), { signal });
    return path;
  }
  let isKnown = true;
  const folder = await storedModel(named, modelsFolder(), signal).catch((error: unknown) => {
    if (!(error instanceof CaptionError) || error.code !== 'model-unknown') throw error;
    isKnown = false;
    return undefined;
  });
  if (folder !== undefined) return fileOrFolder(folder);
  // The last part of an id is what people call a model.
  const id = isKnown ? named : modelNamedBy(named)?.id;
  const remedy = isKnown ? 'if it is a model of the hub' : `if you mean ${id}`;
  const download =
    id &&
    `; ${remedy}, download it first, which asks for your consent: in VS Code “ClipCap: Get a Model…”, elsewhere clipcap get ${id}`;
  throw new CaptionError('checkpoint-missing', `There is no ${role} at ${named}. Check the path${download ?? ''}.`);
}

/** A downloaded model is a Hugging Face folder, or a folder around one file. */
async function fileOrFolder(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.') && name !== 'download.json');
  const [only] = names;
  if (names.length !== 1 || only === undefined) return folder;
  const path = join(folder, only);
  return (await stat(path)).isFile() ? path : folder;
}
