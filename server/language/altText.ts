/** Code actions: the caption of an image as its alternative text, for one image or for all that have none. */
import { CodeActionKind, type CodeAction, type CodeActionContext, type TextEdit } from 'vscode-languageserver';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import type { CaptionResult } from '@clipcap/protocol/caption';
import { fields } from '@clipcap/protocol/fields';
import type { DocumentLinks } from './links/documentLinks.js';
import type { AltText, ImageLink } from './links/imageLink.js';
import { resolveImage } from './links/resolve.js';

/** What these actions need of the server around them. */
export interface AltTextContext {
  readonly links: DocumentLinks;
  readonly document: (uri: string) => TextDocument | undefined;
  /** URIs of the workspace's folders. */
  readonly folders: () => readonly string[];
  /** Captions a file for a document. @throws CaptionError */
  readonly caption: (path: string) => Promise<CaptionResult>;
  /** Tells the user why there is no text, or not one for every image. */
  readonly tell: (message: string) => unknown;
}

/** The kinds of action that {@link AltTextActions} offers. */
export const altTextKinds = [CodeActionKind.QuickFix, CodeActionKind.RefactorRewrite];

type Captionable = ImageLink & { readonly alt: AltText; readonly path: string };

export class AltTextActions {
  readonly #context: AltTextContext;

  constructor(context: AltTextContext) {
    this.#context = context;
  }

  /** What is offered where the selection begins; no image is captioned yet. */
  provide(document: TextDocument, offset: number, { only }: CodeActionContext): CodeAction[] {
    const images = this.#imagesOf(document);
    const here = imageAt(images, offset);
    if (!here) return [];
    const missing = images.filter(({ alt }) => alt.isMissing);
    const actions = [offer(document, 'Use the Caption as Alt Text', [here])];
    if (missing.length > 1) {
      const title = `Use Captions as Alt Text of All ${missing.length} Images Without One`;
      actions.push(offer(document, title, missing));
    }
    return actions.filter(({ kind = '' }) => !only || only.some((wanted) => `${kind}.`.startsWith(`${wanted}.`)));
  }

  /**
   * Captions the images of an action that was chosen. What stands in the way is told: editors show little of a request
   * that fails. The action then has no edit.
   */
  async resolve(action: CodeAction): Promise<CodeAction> {
    const { uri, version, places } = fields(action.data);
    const document = typeof uri === 'string' ? this.#context.document(uri) : undefined;
    if (!document || !Array.isArray(places)) return this.#withoutEdit(action);
    const images = this.#imagesOf(document).filter(({ alt }) => places.includes(alt.start));
    const captions = await Promise.allSettled(images.map(({ path }) => this.#context.caption(path)));
    if (document.version !== version) return this.#withoutEdit(action);
    const failures = captions
      .filter((caption) => caption.status === 'rejected')
      .map(({ reason }: PromiseRejectedResult) => reasonOf(reason));
    if (failures.length > 0) {
      const most = images.length > 1 ? `${failures.length} of ${images.length} images got no alt text. ` : '';
      this.#context.tell(most + failures[0]!);
    }
    const edits = images.flatMap(({ alt }, index): TextEdit[] => {
      const caption = captions[index];
      const text = caption?.status === 'fulfilled' ? caption.value.image.captions[0]?.text : undefined;
      if (text === undefined) return [];
      const range = { start: document.positionAt(alt.start), end: document.positionAt(alt.end) };
      return [{ range, newText: written(alt, text) }];
    });
    return { ...action, edit: { changes: { [document.uri]: edits } } };
  }

  #withoutEdit(action: CodeAction): CodeAction {
    this.#context.tell('The document was changed meanwhile. Choose the alt text again.');
    return action;
  }

  /** Images with a place for a text and a file to caption, each once: `srcset` names one several times. */
  #imagesOf(document: TextDocument): Captionable[] {
    const { links, folders } = this.#context;
    const images = new Map<number, Captionable>();
    for (const link of links.of(document)) {
      const { alt } = link;
      if (!alt || images.has(alt.start)) continue;
      const path = resolveImage(link.reference, { document: document.uri, folders: folders() });
      if (path !== undefined) images.set(alt.start, { ...link, alt, path });
    }
    return [...images.values()];
  }
}

function imageAt(images: readonly Captionable[], offset: number): Captionable | undefined {
  return images.find(({ alt: { image } }) => image.start <= offset && offset <= image.end);
}

function offer({ uri, version }: TextDocument, title: string, images: readonly Captionable[]): CodeAction {
  const isMissing = images.every(({ alt }) => alt.isMissing);
  return {
    title,
    kind: isMissing ? CodeActionKind.QuickFix : CodeActionKind.RefactorRewrite,
    data: { uri, version, places: images.map(({ alt }) => alt.start) },
  };
}

/** The text as the document's language writes it. */
function written({ syntax, start, end }: AltText, caption: string): string {
  const text = caption.replaceAll(/\s+/gu, ' ').trim();
  if (syntax === 'markdown') return text.replaceAll(/[\\`*_[\]<]|&(?=#?\w+;)/gu, '\\$&');
  const value = text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
  return `${start === end ? ' ' : ''}alt="${value}"`;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
