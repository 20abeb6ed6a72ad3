/** The images of a folder and its folders, wherever the folder is. */
import { namesRaster } from '@clipcap/protocol/imageFile';

export interface Entry {
  readonly name: string;
  /** What is a link is `other`. */
  readonly kind: 'folder' | 'file' | 'other';
}

/** Entries that are looked at: enough for any folder of photos, few enough for a home folder that was chosen by mistake. */
const mostEntries = 50_000;
/** Folders inside each other. */
const deepest = 64;

/**
 * Finds images depth first, in the order of names. A folder inside that cannot be read is passed over.
 * @param list the entries of the folder at these names below the first; rejects if it cannot be read
 * @param most so many of them are named; the others are counted
 * @param ended asked before every folder: nothing more is looked for
 * @returns the names from the first folder down; how many images there are; whether all was looked at
 */
export async function walkImages(
  list: (path: readonly string[]) => Promise<readonly Entry[]>,
  most: number,
  ended: () => boolean,
): Promise<{ readonly paths: readonly (readonly string[])[]; readonly found: number; readonly whole: boolean }> {
  const paths: (readonly string[])[] = [];
  let [found, looked, whole] = [0, 0, true];
  const walk = async (folder: readonly string[], entries: readonly Entry[]): Promise<void> => {
    for (const { name, kind } of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      if (++looked > mostEntries || ended()) {
        whole = false;
        return;
      }
      const path = [...folder, name];
      if (kind === 'folder' && path.length > deepest) whole = false;
      else if (kind === 'folder') await walk(path, await list(path).catch(() => []));
      else if (kind === 'file' && namesRaster(name)) {
        found++;
        if (paths.length < most) paths.push(path);
      }
    }
  };
  await walk([], await list([]));
  return { paths, found, whole };
}
