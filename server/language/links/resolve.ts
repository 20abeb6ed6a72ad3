/** From a reference in a document to the image file that it means. No reference ever leads to the network. */
import { dirname, join, resolve } from 'node:path';
import { namesImage } from '@clipcap/protocol/imageFile';
import { URI } from 'vscode-uri';

export interface ResolveContext {
  /** The document's URI. */
  readonly document: string;
  /** URIs of the workspace's folders. */
  readonly folders: readonly string[];
}

/**
 * The path of the image file that `reference` means, or undefined where it names no image file on this machine
 * (`http:`, `data:`, another host's share, another kind of file).
 *
 * Relative references start at the document's folder, those with a leading `/` at the workspace folder that holds the
 * document (without one: at the root of the file system). Query and fragment are dropped, percent-encoding is decoded.
 */
export function resolveImage(reference: string, { document, folders }: ResolveContext): string | undefined {
  const written = reference.trim();
  if (/^[/\\]{2}/u.test(written)) return undefined;
  if (/^[a-z][a-z\d+.-]+:/iu.test(written)) {
    const named = localPath(written);
    return named !== undefined && namesImage(named) ? named : undefined;
  }
  const path = namedPath(written);
  const home = localPath(document);
  if (path === undefined || home === undefined) return undefined;
  if (!path.startsWith('/')) return resolve(dirname(home), path);
  const folder = containingFolder(home, folders);
  return folder === undefined ? resolve(path) : join(folder, path);
}

/** The path behind a `file:` URI of this machine; undefined for any other. */
export function localPath(uri: string): string | undefined {
  // Four slashes name another host's share.
  if (!/^file:(?!\/{4})/iu.test(uri)) return undefined;
  const { authority, path } = URI.parse(uri);
  if ((authority !== '' && authority.toLowerCase() !== 'localhost') || path.startsWith('//')) return undefined;
  return URI.from({ scheme: 'file', path }).fsPath;
}

/** Without query and fragment, unless only the whole reads as an image's name (`take#2.jpg`, written unencoded). */
function namedPath(written: string): string | undefined {
  return [written.replace(/[?#].*$/su, ''), written].map(decodePercent).find(namesImage);
}

/** Decodes what is valid UTF-8 in percent-encoding and keeps the rest: `100%.jpg` is a file's name, too. */
function decodePercent(text: string): string {
  return text.replace(/(?:%[\da-f]{2})+/giu, (encoded) => {
    try {
      return decodeURIComponent(encoded);
    } catch {
      return encoded;
    }
  });
}

/** The innermost workspace folder around a path. */
function containingFolder(path: string, folders: readonly string[]): string | undefined {
  return folders
    .map(localPath)
    .filter((folder) => folder !== undefined)
    .filter((folder) => isInside(path, folder))
    .toSorted((a, b) => b.length - a.length)[0];
}

/** Whether `path` is `folder` or lies below it. Both are absolute and normal. */
export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(join(folder, '/'));
}
