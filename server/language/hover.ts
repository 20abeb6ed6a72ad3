/** Hover: the caption of the image that a document's link names. */
import type { CancellationToken, Hover, Position } from 'vscode-languageserver';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import { URI } from 'vscode-uri';
import type { CaptionResult } from '@clipcap/protocol/caption';
import { captionText, sentence, type HoverStyle } from './hoverText.js';
import type { DocumentLinks } from './links/documentLinks.js';
import { linkAt } from './links/imageLink.js';
import { resolveImage } from './links/resolve.js';
import { Recent } from '../recent.js';
import { defaultSettings } from './settings.js';

/** What a hover needs of the server around it. */
export interface HoverContext {
  readonly links: DocumentLinks;
  readonly style: HoverStyle;
  /** URIs of the workspace's folders. */
  readonly folders: () => readonly string[];
  /** Whether hovers are wanted, and how many milliseconds one may wait for a caption. */
  readonly settings: () => Promise<{ readonly enabled: boolean; readonly wait: number }>;
  /** The caption of a file for a document, if it is there without waiting. */
  readonly remembered: (path: string) => Promise<CaptionResult | undefined>;
  /** Captions a file for a document; runs to its end even if nobody waits any more. */
  readonly caption: (path: string) => Promise<CaptionResult>;
}

type Answer = { readonly result: CaptionResult } | { readonly failure: string } | 'late' | 'cancelled';

export class ImageHover {
  readonly #context: HoverContext;
  /** Failures that came after their hover had given up waiting, by path; the next hover tells them. */
  readonly #untold = new Recent<string>(100);

  constructor(context: HoverContext) {
    this.#context = context;
  }

  async provide(document: TextDocument, position: Position, token: CancellationToken): Promise<Hover | null> {
    const { links, style, folders, settings } = this.#context;
    const link = linkAt(links.of(document), document.offsetAt(position));
    const path = link && resolveImage(link.reference, { document: document.uri, folders: folders() });
    if (!link || path === undefined) return null;
    const start = performance.now();
    const chosen = await within(settings(), defaultSettings.hover.wait, token);
    if (token.isCancellationRequested || (typeof chosen === 'object' && !chosen.enabled)) return null;
    const answer = typeof chosen === 'object' ? await this.#answer(path, start + chosen.wait, token) : 'late';
    if (answer === 'cancelled') return null;
    const range = { start: document.positionAt(link.start), end: document.positionAt(link.end) };
    if (answer === 'late') {
      return { range, contents: sentence('A caption is on its way; hover again in a moment.', style) };
    }
    if ('failure' in answer) return { range, contents: sentence(answer.failure, style) };
    return { range, contents: captionText(answer.result, URI.file(path).toString(), style) };
  }

  /** The caption, or why there is none, at a time of `performance.now()`; only the look into memory may take longer. */
  async #answer(path: string, deadline: number, token: CancellationToken): Promise<Answer> {
    const untold = this.#untold.take(path);
    if (untold !== undefined) return { failure: untold };
    const left = (): number => Math.max(0, deadline - performance.now());
    const remembered = await within(this.#context.remembered(path), Math.max(left(), longestLook), token);
    if (remembered === 'cancelled') return 'cancelled';
    if (typeof remembered === 'object') return { result: remembered };
    const gone = new AbortController();
    const run = this.#context.caption(path).then(
      (result): Answer => ({ result }),
      (error: unknown): Answer => {
        const failure = error instanceof Error ? error.message : String(error);
        if (gone.signal.aborted) this.#untold.set(path, failure);
        return { failure };
      },
    );
    const answer = await within(run, left(), token);
    gone.abort();
    return answer;
  }
}

/** Milliseconds that looking for a caption in memory may take where no wait is wanted: the file's date is looked at. */
const longestLook = 100;

/** What comes within `wait` milliseconds. */
async function within<Value>(
  value: Promise<Value>,
  wait: number,
  token: CancellationToken,
): Promise<Value | 'late' | 'cancelled'> {
  const over = new AbortController();
  try {
    return await Promise.race([value, patience(wait, token, over.signal)]);
  } finally {
    over.abort();
  }
}

/** Ends after `wait` milliseconds or with the token, and leaves nothing behind once `over`. */
function patience(wait: number, token: CancellationToken, over: AbortSignal): Promise<'late' | 'cancelled'> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      resolve('late');
    }, wait);
    const listener = token.onCancellationRequested(() => {
      resolve('cancelled');
    });
    over.addEventListener('abort', () => {
      clearTimeout(timer);
      listener.dispose();
    });
  });
}
