/** Which files a document may lead to. */
import { realpath } from 'node:fs/promises';
import { isInside } from './links/resolve.js';

/**
 * Whether a path lies inside one of the folders, by its name and, where links lead elsewhere, by its real place. Nothing
 * outside is touched: not even whether it exists can be told from the answer.
 */
export async function liesInside(path: string, folders: readonly string[]): Promise<boolean> {
  if (!folders.some((folder) => isInside(path, folder))) return false;
  const place = await realpath(path).catch(() => undefined);
  // A missing file and a link that leads nowhere or in circles: reading it tells the reader so.
  if (place === undefined) return true;
  const places = await Promise.all(folders.map((folder) => realpath(folder).catch(() => folder)));
  return places.some((folder) => isInside(place, folder));
}
