/** Which files a document may lead to. */
import { lstat, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isInside } from './links/resolve.js';

/**
 * Whether a path lies inside one of the folders, by its name and, where links lead elsewhere, by its real place. Nothing
 * outside is read, and whether a link's target out there exists cannot be told from the answer.
 */
export async function liesInside(path: string, folders: readonly string[]): Promise<boolean> {
  if (!folders.some((folder) => isInside(path, folder))) return false;
  const place = await existingPlace(path);
  if (place === undefined) return false;
  const places = await Promise.all(folders.map((folder) => realpath(folder).catch(() => folder)));
  return places.some((folder) => isInside(place, folder));
}

/**
 * The real place of a path or, if nothing has its name, of the folder that would hold it: that the file is missing is
 * told by reading it. Undefined for a link that leads nowhere or in circles.
 */
async function existingPlace(path: string): Promise<string | undefined> {
  const place = await realpath(path).catch(() => undefined);
  if (place !== undefined || path === dirname(path)) return place;
  const named = await lstat(path).then(
    () => true,
    () => false,
  );
  return named ? undefined : existingPlace(dirname(path));
}
