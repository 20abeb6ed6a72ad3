/** The image links of open documents, read once for each version of a text. */
import type { TextDocument } from 'vscode-languageserver-textdocument';
import { htmlLinks } from './html.js';
import type { ImageLink } from './imageLink.js';
import { markdownLinks } from './markdown.js';

/** How each language names images, by the editor's language id. */
const readers: Readonly<Record<string, (text: string) => ImageLink[]>> = {
  html: htmlLinks,
  markdown: markdownLinks,
};

export class DocumentLinks {
  readonly #known = new Map<string, { readonly version: number; readonly links: readonly ImageLink[] }>();

  /** All links of a document, in no promised order; none for a language that is not read. */
  of(document: TextDocument): readonly ImageLink[] {
    const known = this.#known.get(document.uri);
    if (known?.version === document.version) return known.links;
    const links = readers[document.languageId]?.(document.getText()) ?? [];
    this.#known.set(document.uri, { version: document.version, links });
    return links;
  }

  /** A document was closed. */
  forget(uri: string): void {
    this.#known.delete(uri);
  }
}
