/** What the panel's host (the extension) and its webview say to each other. */
import type { CaptionResult } from './caption.js';

/** What the panel shows; also what the webview keeps in its state, so that a reload restores it. */
export interface PanelImage {
  /** The image's URI, as text: its identity for the host. */
  readonly uri: string;
  /** The file's name, for the heading. */
  readonly name: string;
  /** A URI under which the webview may load the image. */
  readonly source: string;
}

export type ToWebview =
  | { readonly type: 'loading'; readonly image: PanelImage }
  | { readonly type: 'result'; readonly image: PanelImage; readonly result: CaptionResult }
  | { readonly type: 'failed'; readonly image: PanelImage; readonly message: string };

export type FromWebview =
  | { readonly type: 'ready'; /** The image of the restored state, if any. */ readonly uri?: string }
  | { readonly type: 'copy'; readonly text: string }
  | { readonly type: 'retry' };
