/** Which images the paths of a command line mean. */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CaptionError } from '@clipcap/protocol/error';
import { namesImage } from '@clipcap/protocol/imageFile';
import { fromSystemError } from '../process/readImage.js';

/** An image to caption, or why there is none at this path. */
export interface ImagePath {
  readonly path: string;
  /** Where the file is, if the path is given as a `file:` URL. */
  readonly place?: string;
  readonly error?: CaptionError;
}

type IsWanted = (name: string) => boolean;

/**
 * The images in the order of the arguments; those of a folder in name order, at any depth, by their names, symbolic
 * links not followed. Their paths are the argument joined with the path in the folder.
 * @param isWanted which files of a folder count, by their names
 */
export async function findImages(paths: readonly string[], isWanted: IsWanted = namesImage): Promise<ImagePath[]> {
  const found: ImagePath[] = [];
  for (const path of paths) {
    for (const image of isUrl(path) ? await imagesAtUrl(path, isWanted) : await imagesAt(path, isWanted))
      found.push(image);
  }
  return found;
}

/**
 * The path that one argument means, a path or a `file:` URL; nothing is looked at.
 * @throws CaptionError `not-a-file`: a URL that names no file of this machine
 */
export function placeOf(named: string): string {
  if (!isUrl(named)) return named;
  try {
    return fileURLToPath(named);
  } catch (cause) {
    const message = `${named} is no file on this machine, and nothing is downloaded. Save the image here and name its file.`;
    throw new CaptionError('not-a-file', message, { cause });
  }
}

function isUrl(named: string): boolean {
  return /^(?:file|https?):\/\//iu.test(named);
}

async function imagesAt(path: string, isWanted: IsWanted): Promise<ImagePath[]> {
  // What cannot be asked for its kind is left to reading, which says why.
  const folder = await stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
  return folder ? imagesOf(path, isWanted) : [{ path }];
}

/** The images at a `file:` URL; from others nothing is fetched. */
async function imagesAtUrl(url: string, isWanted: IsWanted): Promise<ImagePath[]> {
  let place: string;
  try {
    place = placeOf(url);
  } catch (error) {
    if (!(error instanceof CaptionError)) throw error;
    return [{ path: url, error }];
  }
  const images = await imagesAt(place, isWanted);
  const [only] = images;
  // Of a folder the images have paths of their own.
  return only?.path === place ? [{ ...only, path: url, place }] : images;
}

async function imagesOf(folder: string, isWanted: IsWanted): Promise<ImagePath[]> {
  const images = await walk(folder, isWanted);
  if (images.length > 0) return images;
  const message = `${folder} has no image in it. Name a folder with JPEG, PNG, WebP, GIF, AVIF or TIFF files.`;
  return [{ path: folder, error: new CaptionError('empty-folder', message) }];
}

async function walk(folder: string, isWanted: IsWanted): Promise<ImagePath[]> {
  let entries: Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    return [{ path: folder, error: fromSystemError(cause, folder) }];
  }
  const images: ImagePath[] = [];
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = folder.endsWith(sep) || folder.endsWith('/') ? folder + entry.name : folder + sep + entry.name;
    if (entry.isDirectory()) for (const image of await walk(path, isWanted)) images.push(image);
    else if (entry.isFile() && isWanted(entry.name)) images.push({ path });
  }
  return images;
}
