/**
 * The place of a pack that is being imported: what may be replaced there, the folder beside it that the pack is written
 * into, and what is left of imports that were killed. What is replaced is a pack; any other folder is left alone.
 */
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readdir, realpath, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';
import { hasEnded, owner } from '../owner.js';
import { packFiles } from '../pack/manifest.js';
import { readManifest } from '../pack/openPack.js';
import { unwritable } from './hashedFile.js';

/** Of a pack that is replaced, while the new one takes its place. */
const oldEnding = '.old';

/**
 * The folder that a pack may take: the one that is named or, if that is a link, the one at its end.
 * @throws CaptionError `usage` where no pack can be, `pack-unwritable` if that cannot be looked at
 */
export async function packPlace(named: string): Promise<string> {
  const folder = (await isLink(named)) ? await endOf(named) : named;
  if (await isMountPoint(folder)) {
    throw new CaptionError(
      'usage',
      `${named} is a mount point, which no pack can replace. Name a folder in it with --out.`,
    );
  }
  await mayBeReplaced(folder);
  return folder;
}

async function isLink(path: string): Promise<boolean> {
  return lstat(path).then(
    (status) => status.isSymbolicLink(),
    () => false,
  );
}

async function endOf(link: string): Promise<string> {
  return realpath(link).catch((cause: unknown) => {
    throw new CaptionError('usage', `${link} is a link that leads to no folder. Name another with --out.`, { cause });
  });
}

/** Where another file system begins. What binds a folder of the same one, only renaming tells. */
async function isMountPoint(folder: string): Promise<boolean> {
  return Promise.all([stat(folder), stat(dirname(folder))]).then(
    ([inside, outside]) => inside.dev !== outside.dev,
    () => false,
  );
}

/** Makes the folder that a pack is written into. @throws CaptionError `pack-unwritable` */
export async function makeStaging(out: string): Promise<string> {
  // It becomes the pack's own, which others may open, too: a folder of mkdtemp is for its owner alone.
  const folder = join(dirname(out), `.${basename(out)}-${owner}-${randomBytes(3).toString('hex')}`);
  await mkdir(folder).catch((cause: unknown) => {
    throw unwritable(out, cause);
  });
  return folder;
}

/**
 * Removes what killed imports to this place have left, and puts the pack back that one of them was about to replace.
 * Folders of processes that may still run are left alone.
 */
export async function clearLeftovers(out: string): Promise<void> {
  const parent = dirname(out);
  const begin = `.${basename(out)}-`;
  for (const entry of await readdir(parent, { withFileTypes: true }).catch(() => [])) {
    if (!entry.isDirectory() || !entry.name.startsWith(begin)) continue;
    const [, named, old] = /^([0-9a-f]{8}-\d+)-[0-9A-Za-z]{6}(\.old)?$/u.exec(entry.name.slice(begin.length)) ?? [];
    if (named === undefined || !hasEnded(named)) continue;
    const path = join(parent, entry.name);
    if (old === undefined) await rm(path, { recursive: true, force: true }).catch(() => undefined);
    else await putBack(path, out);
  }
}

/** The old pack is removed only where the new one is. */
async function putBack(old: string, out: string): Promise<void> {
  const names = await readdir(out).catch((cause: NodeJS.ErrnoException) => (cause.code === 'ENOENT' ? [] : undefined));
  if (names?.length === 0) await rename(old, out).catch(() => undefined);
  else if (await listedFiles(out)) await rm(old, { recursive: true, force: true }).catch(() => undefined);
}

/**
 * Whether a pack is there already.
 * @param folder where to look, if not there
 * @throws CaptionError `usage` if something else is
 */
export async function mayBeReplaced(out: string, folder = out): Promise<boolean> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    throw cause.code === 'ENOTDIR'
      ? new CaptionError('usage', `${out} is a file or lies under one. Name a new folder with --out.`, { cause })
      : unwritable(out, cause);
  });
  if (names === undefined || names.length === 0) return false;
  const listed = await listedFiles(folder);
  const foreign = names.find((name) => !listed?.has(name));
  if (foreign === undefined) return true;
  const why = listed ? `holds ${foreign}, which is not part of the pack in it` : 'is not empty and no model pack';
  throw new CaptionError('usage', `${out} ${why}. Name a new folder with --out.`);
}

/** What belongs to the pack in a folder, or undefined if there is none. */
async function listedFiles(folder: string): Promise<ReadonlySet<string> | undefined> {
  try {
    return new Set([packFiles.manifest, ...Object.keys((await readManifest(folder)).files)]);
  } catch {
    return undefined;
  }
}

/**
 * A running process keeps the files that it has mapped; whoever opens the pack next sees the new ones.
 * @throws CaptionError `pack-unwritable`, `usage` if what is to be replaced is no longer a pack and nothing else; it is back
 * there, or the message says where it is
 */
export async function put(staging: string, out: string, replaced: boolean): Promise<void> {
  const old = replaced ? staging + oldEnding : undefined;
  try {
    if (old !== undefined) {
      await rename(out, old);
      // Writing takes long, and whoever copies a file into the pack meanwhile would lose it.
      await mayBeReplaced(out, old);
    }
    await rename(staging, out);
  } catch (cause) {
    const error = unwritable(out, cause);
    if (old === undefined) throw error;
    await rename(old, out).catch((also: unknown) => {
      throw new CaptionError(error.code, `${error.message} What was there is now in ${old}.`, { cause: also });
    });
    throw error;
  }
  // What cannot be removed now, the next import to the same place removes.
  if (old !== undefined) await rm(old, { recursive: true, force: true }).catch(() => undefined);
}

/** Takes back the folders that were made on the way to a pack that is not there. */
export async function removeEmpty(folder: string, topmost: string): Promise<void> {
  for (let path = folder; path.startsWith(topmost); path = dirname(path)) {
    if (
      !(await rmdir(path).then(
        () => true,
        () => false,
      ))
    )
      return;
  }
}
