/** Which images the paths of a command line mean. */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { sep } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';
import { namesImage } from '@clipcap/protocol/imageFile';

/** An image to caption, or why there is none at this path. */
export interface ImagePath {
  readonly path: string;
  readonly error?: CaptionError;
}

/**
 * The images in the order of the arguments; those of a folder in name order, at any depth, by their names, symbolic
 * links not followed. Their paths are the argument joined with the path in the folder.
 */
export async function findImages(paths: readonly string[]): Promise<ImagePath[]> {
  const found: ImagePath[] = [];
  for (const path of paths) {
    // What cannot be asked for its kind is left to reading, which says why.
    const folder = await stat(path).then(
      (status) => status.isDirectory(),
      () => false,
    );
    found.push(...(folder ? await imagesOf(path) : [{ path }]));
  }
  return found;
}

async function imagesOf(folder: string): Promise<ImagePath[]> {
  const images = await walk(folder);
  if (images.length > 0) return images;
  const message = `${folder} has no image in it. Name a folder with JPEG, PNG, WebP, GIF, AVIF or TIFF files.`;
  return [{ path: folder, error: new CaptionError('empty-folder', message) }];
}

async function walk(folder: string): Promise<ImagePath[]> {
  let entries: Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    const message = `${folder} may not be read by you. Change its permissions.`;
    return [{ path: folder, error: new CaptionError('unreadable', message, { cause }) }];
  }
  const images: ImagePath[] = [];
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = folder.endsWith(sep) || folder.endsWith('/') ? folder + entry.name : folder + sep + entry.name;
    if (entry.isDirectory()) images.push(...(await walk(path)));
    else if (entry.isFile() && namesImage(entry.name)) images.push({ path });
  }
  return images;
}
