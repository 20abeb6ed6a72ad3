/** Where a document names an image: what every reader of links answers. */

export interface ImageLink {
  /** The reference as its writer meant it: escapes and entities decoded, percent-encoding kept. */
  readonly reference: string;
  /** Offsets of the characters that stand for the image, in UTF-16 units; `end` is exclusive. */
  readonly start: number;
  readonly end: number;
  /** Of an image that can have one: not of a link, nor of a reference whose label is the text. */
  readonly alt?: AltText;
}

/** Where an image's alternative text stands, or would stand. Offsets as in {@link ImageLink}. */
export interface AltText {
  readonly syntax: 'markdown' | 'html';
  /** What a new text takes the place of: in HTML the whole attribute, or an empty place if there is none. */
  readonly start: number;
  readonly end: number;
  /** Whether it was never written. In HTML, an empty one says that the image is decoration. */
  readonly isMissing: boolean;
  /** The whole image: the Markdown, or the element's tag. */
  readonly image: { readonly start: number; readonly end: number };
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
