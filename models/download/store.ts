/** Where downloaded models lie, and the note beside each that says what its files were when they came. */
import { mkdir, readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod/mini';
import { CaptionError } from '@clipcap/protocol/error';
import { hashFile } from '../pack/hashFile.js';
import { findModel } from '../registry/registry.js';
import { readSmallFile } from '../readSmallFile.js';
import { replaceFile } from '../replaceFile.js';
import { diskError } from './errors.js';

const noteName = 'download.json';
const largestNote = 2 ** 20;

const storedFile = z.object({
  size: z.number(),
  sha256: z.string(),
  trust: z.enum(['registry', 'server', 'first-use']),
  url: z.string(),
  /** Of the last change of its content, in milliseconds. */
  modified: z.number(),
  /**
   * Of the last change of its entry (ctime), in milliseconds, which programs on POSIX systems cannot set. While both times
   * stay, the file is not read again. Older notes lack it.
   */
  changed: z.optional(z.number()),
});

const note = z.object({
  version: z.literal(1),
  id: z.string(),
  /** Whether every file of the model has come. */
  complete: z.boolean(),
  /** By names that lead out of no folder. */
  files: z.record(z.string().check(z.regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*$/u)), storedFile),
});

export type StoredFile = z.infer<typeof storedFile>;
export type Note = z.infer<typeof note>;

/** The folder of all downloaded models of this user, whichever editor or command line fetched them. */
export function modelsFolder(): string {
  const { CLIPCAP_MODELS: named, XDG_DATA_HOME: data, LOCALAPPDATA: local } = process.env;
  if (named) return named;
  if (process.platform === 'darwin') {
    return join(homedir(), 'Library', 'Application Support', 'clipcap-lens', 'models');
  }
  const windows = process.platform === 'win32' ? local : undefined;
  return join(windows ?? (data || join(homedir(), '.local', 'share')), 'clipcap-lens', 'models');
}

/** A model's folder, be it there or not. */
export function folderOf(id: string, store: string = modelsFolder()): string {
  return join(store, id.replaceAll('/', '--'));
}

/**
 * The folder of a model that was downloaded whole, as {@link isWhole} finds out.
 * @param id as in the registry, or a repository of the hub
 * @returns undefined if the model, or a part of it, is not there
 * @throws CaptionError `model-unknown`, `cancelled`, or `download-mismatch` if a file is not what was downloaded
 */
export async function storedModel(
  id: string,
  store: string = modelsFolder(),
  signal?: AbortSignal,
): Promise<string | undefined> {
  const model = findModel(id);
  const folder = folderOf(model.id, store);
  return (await isWhole(folder, { id: model.id, signal })) ? folder : undefined;
}

/** The same for a list of models: sizes are compared, and nothing is read, which may take minutes. */
export async function listedModel(id: string, store: string = modelsFolder()): Promise<string | undefined> {
  const model = findModel(id);
  const folder = folderOf(model.id, store);
  const stored = await readNote(folder, model.id);
  if (!stored?.complete) return undefined;
  for (const [name, { size }] of Object.entries(stored.files)) {
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found?.size !== size) return undefined;
  }
  return folder;
}

/**
 * Whether a folder holds a model that was downloaded whole. Files that have changed since are read again and compared with
 * the SHA-256 that they had, once: a copy, whose times are others, need not be downloaded.
 * @param id which model it must be; left out for any
 * @throws CaptionError `cancelled`, or `download-mismatch` if a file is not what was downloaded
 */
export async function isWhole(
  folder: string,
  { id, signal }: { readonly id?: string; readonly signal?: AbortSignal | undefined },
): Promise<boolean> {
  const stored = await readNote(folder, id);
  if (!stored?.complete) return false;
  const present: [string, StoredFile][] = [];
  for (const [name, file] of Object.entries(stored.files)) {
    const found = await presentFile(folder, name, file, signal);
    if (!found) return false;
    present.push([name, found]);
  }
  const isKnown = present.every(([name, file]) => file === stored.files[name]);
  // Another process may have downloaded it again meanwhile.
  if (!isKnown && isDeepStrictEqual(await readNote(folder), stored)) {
    // In a folder that may not be written to, it is read again the next time.
    await writeNote(folder, { ...stored, files: Object.fromEntries(present) }).catch(() => undefined);
  }
  return true;
}

/** Ids of the models that were downloaded whole, in the order of their names. */
export async function storedIds(store: string = modelsFolder()): Promise<string[]> {
  const folders: string[] = await readdir(store).catch(() => []);
  folders.sort();
  const notes = await Promise.all(folders.map((folder) => readNote(join(store, folder))));
  // A note's id is believed where its folder's name agrees.
  return notes.flatMap((stored, i) =>
    stored?.complete && folderOf(stored.id, store) === join(store, folders[i]!) ? [stored.id] : [],
  );
}

/**
 * A file that was downloaded, with its present times, if it is there.
 * @throws CaptionError `cancelled`, or `download-mismatch` if it is there and is another one
 */
export async function presentFile(
  folder: string,
  name: string,
  file: StoredFile,
  signal?: AbortSignal,
): Promise<StoredFile | undefined> {
  const path = join(folder, name);
  const found = await stat(path).catch(() => undefined);
  if (!found) return undefined;
  const { size, mtimeMs: modified, ctimeMs: changed } = found;
  if (size === file.size) {
    if (modified === file.modified && changed === file.changed) return file;
    if ((await hashFile(path, signal)) === file.sha256) return { ...file, modified, changed };
  }
  const message = `${path} is not the file that was downloaded. Delete it and download the model again.`;
  throw new CaptionError('download-mismatch', message);
}

/**
 * The note of a folder; none if it cannot be read, is no note, or is another model's: `a--b/c` and `a/b--c` share a folder.
 * @param id which model's it must be; left out for any
 */
export async function readNote(folder: string, id?: string): Promise<Note | undefined> {
  try {
    const read = note.parse(JSON.parse(await readSmallFile(join(folder, noteName), largestNote)));
    return id === undefined || read.id === id ? read : undefined;
  } catch {
    return undefined;
  }
}

/** @throws CaptionError `download-unwritable`, `download-space` */
export async function writeNote(folder: string, content: Note): Promise<void> {
  const path = join(folder, noteName);
  try {
    await mkdir(folder, { recursive: true });
    await replaceFile(path, `${JSON.stringify(content, null, 2)}\n`);
  } catch (cause) {
    throw diskError(cause, path);
  }
}
