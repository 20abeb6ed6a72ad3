/** The images of a folder that the user chose. */
import { FileType, Uri, workspace, type CancellationToken } from 'vscode';
import { CaptionError } from '@clipcap/protocol/error';
import { walkImages, type Entry } from './walkImages.js';

/**
 * Its first images in the order of names, with those of its folders; links are not followed.
 * @returns at most `most`, and a note if there are more
 * @throws CaptionError `empty-folder`
 */
export async function imagesIn(
  folder: Uri,
  most: number,
  token: CancellationToken,
): Promise<{ readonly images: Uri[]; readonly note?: string }> {
  const list = async (path: readonly string[]): Promise<readonly Entry[]> => {
    const entries = await workspace.fs.readDirectory(Uri.joinPath(folder, ...path));
    return entries.map(([name, type]) => ({ name, kind: kindOf(type) }));
  };
  const { paths, found, whole } = await walkImages(list, most, () => token.isCancellationRequested);
  if (found === 0) {
    throw new CaptionError('empty-folder', `${folder.fsPath} has no image in it. Choose another folder.`);
  }
  const images = paths.map((path) => Uri.joinPath(folder, ...path));
  if (found <= most && whole) return { images };
  const all = whole ? `${found}` : `more than ${found}`;
  return {
    images,
    note:
      `${images.length} of ${all} images in ${folder.fsPath} were taken, in the order of their names; ` +
      `${whole ? found - images.length : 'the others'} were left out. Choose one of its folders to see others.`,
  };
}

/** What is a link has a bit more, whatever it leads to. */
function kindOf(type: FileType): Entry['kind'] {
  return type === FileType.Directory ? 'folder' : type === FileType.File ? 'file' : 'other';
}
