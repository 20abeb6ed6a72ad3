/** Where a document names an image: what every reader of links answers. */

export interface ImageLink {
  /** The reference as its writer meant it: escapes and entities decoded, percent-encoding kept. */
  readonly reference: string;
  /** Offsets of the characters that stand for the image, in UTF-16 units; `end` is exclusive. */
  readonly start: number;
  readonly end: number;
}

/** The innermost link around an offset: in `[![alt](small.jpg)](large.jpg)` the small one wins over the large. */
export function linkAt(links: readonly ImageLink[], offset: number): ImageLink | undefined {
  let found: ImageLink | undefined;
  for (const link of links) {
    if (offset < link.start || offset >= link.end) continue;
    if (!found || link.end - link.start < found.end - found.start) found = link;
  }
  return found;
}
