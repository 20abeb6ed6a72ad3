/** Reading an image file once, for its bytes and its identity. */

export interface ImageFile {
  readonly bytes: Uint8Array;
  /** SHA-256 of `bytes`, hexadecimal. */
  readonly sha256: string;
}

/**
 * Reads an image file of at most 200 MB.
 *
 * @throws CaptionError `missing`, `unreadable`, `not-a-file`, `symlink-loop`, `empty-file` or `too-large`, naming the
 * file as `name` (default: its path) and what to do.
 */
export function readImage(path: string, name = path): Promise<ImageFile> {
  throw new Error(`not written yet ${name}`);
}
