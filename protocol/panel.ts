/**
 * What the panel's host (the extension) and its webview say to each other: messages that show an image and its caption,
 * and requests of the webview, each answered exactly once with data or an error. A request that the webview cancels, or
 * that is pending when the panel goes, is cancelled wherever it is and gets no answer that counts.
 */
import type { CaptionResult, ErrorCode } from './caption.js';
import type { LensParams, LensReportParams, LensView, LensViews } from './lens.js';

/** What the panel shows; also what the webview keeps in its state, so that a reload restores it. */
export interface PanelImage {
  /** The image's URI, as text: its identity for the host. */
  readonly uri: string;
  /** The file's name, for the heading. */
  readonly name: string;
  /** A URI under which the webview may load the image. */
  readonly source: string;
}

/** Which images a panel takes: those that are inspected, whichever is in front in the editor, or only the one it has. */
export const panelModes = ['inspected', 'active', 'kept'] as const;
export type PanelMode = (typeof panelModes)[number];

/** An image that the user chose in the host's file dialog. The webview may not load it: see `thumbnail`. */
export type PickedImage = Pick<PanelImage, 'uri' | 'name'>;

export interface Picked {
  readonly images: readonly PickedImage[];
  /** What the user should know about them: how many of a folder were left out. */
  readonly note?: string;
}

/** What a view is saved as; the content of a PNG is base64. */
export const savedFormats = ['svg', 'png', 'csv', 'json'] as const;
export type SavedFormat = (typeof savedFormats)[number];

/** Where images are chosen: files one by one, or all of a folder. */
export const pickSources = ['files', 'folder'] as const;
export type PickSource = (typeof pickSources)[number];

/** What the webview can ask its host, by method. */
export interface PanelRequests {
  /** A view of the image that the panel shows. */
  readonly lens: { readonly params: Omit<LensParams, 'uri'>; readonly data: LensViews[LensView]['data'] };
  /**
   * Lets the user choose images, at most `mostImages`; none if the dialog is dismissed. Of a folder they are the first in
   * the order of names, with those of its folders.
   */
  readonly pick: {
    readonly params: { readonly title: string; readonly from: PickSource };
    readonly data: Picked;
  };
  /** Lets the user choose the folder of a model pack; empty if the dialog is dismissed. */
  readonly pickPack: { readonly params: { readonly title: string }; readonly data: string };
  /** A small picture of an image as a data URI. */
  readonly thumbnail: { readonly params: { readonly uri: string }; readonly data: string };
  /** Lets the user choose where to save all views as one web page; false if the dialog is dismissed. */
  readonly report: { readonly params: Omit<LensReportParams, 'uri'>; readonly data: boolean };
  /** Lets the user choose where to save; false if the dialog is dismissed. `name` has no extension. */
  readonly save: {
    readonly params: { readonly name: string; readonly format: SavedFormat; readonly content: string };
    readonly data: boolean;
  };
}

export type PanelRequest = {
  readonly [Method in keyof PanelRequests]: {
    readonly type: 'request';
    /** The webview's number for this request. */
    readonly id: number;
    readonly method: Method;
    readonly params: PanelRequests[Method]['params'];
  };
}[keyof PanelRequests];

export type ToWebview =
  /** There is no image: the window was reloaded before the webview could keep which one it had. */
  | { readonly type: 'empty' }
  | { readonly type: 'loading'; readonly image: PanelImage }
  | { readonly type: 'result'; readonly image: PanelImage; readonly result: CaptionResult }
  | { readonly type: 'failed'; readonly image: PanelImage; readonly message: string }
  | { readonly type: 'answer'; readonly id: number; readonly data: PanelRequests[keyof PanelRequests]['data'] }
  | { readonly type: 'error'; readonly id: number; readonly message: string; readonly code: ErrorCode };

export type FromWebview =
  | { readonly type: 'ready'; /** The image of the restored state, if any. */ readonly uri?: string }
  | { readonly type: 'copy'; readonly text: string }
  | { readonly type: 'retry' }
  | { readonly type: 'mode'; readonly mode: PanelMode }
  | PanelRequest
  | { readonly type: 'cancel'; readonly id: number };
