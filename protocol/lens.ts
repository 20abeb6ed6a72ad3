/**
 * The Prefix Lens: what each of its views asks for and gets. A view's data is computed when it is first opened and can be
 * cancelled; every payload stays under 200 KB, so that what crosses to a webview is drawn at once. Quantities are those of
 * `docs/lens.md`; log-probabilities are natural, of the full unfiltered softmax.
 */
import { RequestType } from 'vscode-jsonrpc';
import type { Caption, CaptionOptions, ErrorCode, ModelInfo, NearestToken, TokenScore } from './caption.js';

/** The most images that a view takes beside its own, and the most of a reference. */
export const mostImages = 200;

/** A prefix row p against a token embedding e; μ is the mean token embedding. For all, larger is nearer; Euclidean is −‖p − e‖. */
export const metrics = ['cosine', 'dot', 'euclidean', 'centred'] as const;
export type Metric = (typeof metrics)[number];

export interface Token {
  readonly id: number;
  /** Decoded alone, leading space kept, bytes that are no UTF-8 as `\xNN`. */
  readonly text: string;
}

/** What a number says of its position against other images; without a reference set there is none. */
interface ReferenceSet {
  readonly images: number;
  /** The pack's own statistics, or images that the user picked. */
  readonly source: 'pack' | 'images';
}

// ── 1. prefix table ───────────────────────────────────────────────────────────────────────────────────────────────

interface TableParams {
  /** Nearest tokens for each position and metric, 1–50. Default 8. */
  readonly nearest?: number;
  /** Only tokens that are whole words: a leading space and letters. */
  readonly wholeWords?: boolean;
}

export interface TablePosition {
  readonly position: number;
  readonly norm: number;
  /** Share of the vocabulary's embeddings with a smaller norm, 0…1. */
  readonly normRank: number;
  readonly nearest: Readonly<Record<Metric, readonly NearestToken[]>>;
  /** First score − second, in the metric's unit. */
  readonly margin: Readonly<Record<Metric, number>>;
  /** Cosine with the reference set's mean row of this position. */
  readonly shared?: number;
}

export interface TableData {
  readonly positions: readonly TablePosition[];
  /** Norms of the vocabulary's embeddings at the quantiles 0, 0.01 … 1. */
  readonly vocabularyNorms: readonly number[];
  /** The positions' nearest tokens by cosine, decoded together as the paper prints them. */
  readonly joint: string;
  readonly reference?: ReferenceSet;
}

// ── 2. heat map ───────────────────────────────────────────────────────────────────────────────────────────────────

export interface HeatmapData {
  /** The tokens nearest to any position by cosine, at most 60. */
  readonly tokens: readonly Token[];
  /** Cosine of every position with each of them, [K][tokens]. */
  readonly cosines: readonly (readonly number[])[];
  /** Cosine of positions with each other, [K][K]. */
  readonly similarity: readonly (readonly number[])[];
}

// ── 3. map ────────────────────────────────────────────────────────────────────────────────────────────────────────

interface MapParams {
  /** Default `pca`. */
  readonly projection?: 'pca' | 'umap';
  /** Neighbours of each position that are drawn, 1–20. Default 6. */
  readonly nearest?: number;
  /** Of the UMAP projection. Default 0. */
  readonly seed?: number;
}

export interface MapPoint {
  readonly x: number;
  readonly y: number;
}

export interface MapData {
  readonly projection: 'pca' | 'umap';
  readonly positions: readonly (MapPoint & {
    readonly position: number;
    /** Ids, in the full width. */ readonly neighbours: readonly number[];
  })[];
  readonly tokens: readonly (MapPoint & Token)[];
  /** Share of the variance on each axis; of PCA only. */
  readonly explained?: readonly [number, number];
}

// ── 4. caption tokens, beam tree ──────────────────────────────────────────────────────────────────────────────────

export interface TokensParams {
  /** Alternatives of each token, 1–50. Default 10. */
  readonly alternatives?: number;
  /** Puts this token at this place and decodes again from there. */
  readonly force?: { readonly index: number; readonly token: number };
}

export interface TokensData {
  readonly caption: Caption;
  readonly tokens: readonly (TokenScore & {
    /** Of the distribution that the token was taken from, in nats. */
    readonly entropy: number;
    readonly alternatives: readonly TokenScore[];
  })[];
}

export interface BeamNode {
  readonly token: TokenScore;
  /** Index in the step before; absent at the first step. */
  readonly parent?: number;
  /** Mean log-probability up to here, by which the search compares. */
  readonly mean: number;
  readonly state: 'kept' | 'pruned' | 'finished';
}

export interface BeamsData {
  readonly beams: number;
  /** What each step considered, best first. */
  readonly steps: readonly (readonly BeamNode[])[];
  readonly captions: readonly Caption[];
}

// ── 5. attention ──────────────────────────────────────────────────────────────────────────────────────────────────

export interface AttentionParams {
  /** Default `decoder`. `mapper`: of a transformer mapper, its constants reading the clip tokens. */
  readonly of?: 'decoder' | 'mapper';
  /** Default: the mean of all. */
  readonly layer?: number;
  readonly head?: number;
}

export interface AttentionData {
  readonly of: 'decoder' | 'mapper';
  /** Of which layer and head; absent: the mean of all. */
  readonly layer?: number;
  readonly head?: number;
  readonly layers: number;
  readonly heads: number;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** After softmax, not renormalised, [rows][columns]. */
  readonly weights: readonly (readonly number[])[];
  /** What each row gives to positions that are no column. */
  readonly outside: readonly number[];
}

// ── 6. logit lens ─────────────────────────────────────────────────────────────────────────────────────────────────

interface LogitLensParams {
  /** Whether the final layer norm comes before the output head. Default true. */
  readonly norm?: boolean;
  /** Tokens of each cell, 1–20. Default 5. */
  readonly top?: number;
}

export interface LogitLensData {
  /** Prefix positions, then caption tokens, as far as the model has positions for them. */
  readonly columns: readonly { readonly kind: 'prefix' | 'token'; readonly text: string }[];
  /** [L + 1][columns][top]; row 0 is the embeddings with their positions, row l the state after block l. */
  readonly cells: readonly (readonly (readonly TokenScore[])[])[];
}

// ── 7. counterfactuals ────────────────────────────────────────────────────────────────────────────────────────────

/** Positions count from 0. `other` is the URI of another image. */
export type Intervention =
  | { readonly kind: 'drop'; readonly position: number }
  | { readonly kind: 'mean-replace'; readonly position: number }
  | { readonly kind: 'swap'; readonly position: number; readonly other: string }
  | { readonly kind: 'insert'; readonly position: number; readonly word: string }
  | { readonly kind: 'interpolate'; readonly other: string; /** 0: this image, 1: the other. */ readonly share: number }
  | { readonly kind: 'scale'; readonly position: number; readonly factor: number };

interface CounterfactualsParams {
  /** At most 100; run as one batch. Default: a `drop` of every position. */
  readonly interventions?: readonly Intervention[];
}

export interface WordChange {
  readonly kind: 'same' | 'removed' | 'added';
  readonly words: string;
}

export interface CounterfactualsData {
  readonly caption: Caption;
  readonly results: readonly {
    readonly intervention: Intervention;
    /** Of many interventions without its tokens. */
    readonly caption: Caption;
    readonly words: readonly WordChange[];
    /** Of the old caption's log-probability: Σ over its tokens, teacher-forced, new − old, in nats. */
    readonly change: number;
  }[];
}

// ── 8. where in the image ─────────────────────────────────────────────────────────────────────────────────────────

interface OcclusionParams {
  /** Cells to a side, 2–16. Default 7. */
  readonly grid?: number;
  /** A token of the caption, or all of it. */
  readonly token?: number;
}

export interface OcclusionData {
  readonly grid: number;
  /** Old − occluded log-probability of the caption or the token, in nats, [grid][grid]. */
  readonly values: readonly (readonly number[])[];
  readonly logProb: number;
  readonly caption: Caption;
  /** What the model saw of the upright image, in its pixels. */
  readonly crop: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  /** Attention rollout of the class token over the patches, where the encoder gives its attention. */
  readonly rollout?: readonly (readonly number[])[];
}

// ── 9. compare ────────────────────────────────────────────────────────────────────────────────────────────────────

interface CompareParams {
  /** URIs of other images, at most 200; this image comes first. */
  readonly others?: readonly string[];
  /** Another pack for the same image. */
  readonly model?: string;
  /** Another decoding of the same image. */
  readonly decoding?: CaptionOptions;
}

export interface CompareData {
  readonly items: readonly {
    readonly label: string;
    readonly uri: string;
    /** Of many images without its tokens. */
    readonly caption: Caption;
    /** Position by position; of many images fewer, or none. */
    readonly nearest: readonly Token[];
  }[];
  /** Cosine of whole prefixes, row i with the items 0 … i; only where all come from one pack. */
  readonly similarity?: readonly (readonly number[])[];
  /** Order of the items in which similar ones stand together, and their clusters' numbers. */
  readonly clusters?: { readonly order: readonly number[]; readonly cluster: readonly number[] };
  /** Each item's caption against the first one's; empty where there was no room for it. */
  readonly words: readonly (readonly WordChange[])[];
  /** Tokens that are nearest at the same position for more than half of the images. */
  readonly shared?: readonly (Token & { readonly position: number; readonly share: number })[];
  readonly collapse?: {
    /** Different captions / images. */
    readonly diversity: number;
    /** Mean over positions of the between-image variance, divided by the mean squared norm. */
    readonly variance: number;
    /** Mean token log-probability of each image's own caption under its own prefix, and under another's (cyclic shift). */
    readonly own: number;
    readonly shuffled: number;
  };
}

// ── 10. the encoder's own words ───────────────────────────────────────────────────────────────────────────────────

export interface EncoderData {
  /** A classifier's classes, or texts that CLIP compares the image with. */
  readonly of: 'classes' | 'texts';
  /** How many labels there are; their probabilities add up to 1. */
  readonly among: number;
  /** Of texts: the sentence in which each label stood in place of `{}`. */
  readonly prompt?: string;
  /** Of texts: what cosines are multiplied by before the softmax. */
  readonly scale?: number;
  /** Best first, at most 20. */
  readonly labels: readonly {
    readonly label: string;
    readonly probability: number;
    /** Of texts: cosine of the image's embedding with the label's. */
    readonly cosine?: number;
  }[];
}

// ── all of them ───────────────────────────────────────────────────────────────────────────────────────────────────

export interface LensViews {
  readonly table: { readonly params: TableParams; readonly data: TableData };
  readonly heatmap: { readonly params: Record<string, never>; readonly data: HeatmapData };
  readonly map: { readonly params: MapParams; readonly data: MapData };
  readonly tokens: { readonly params: TokensParams; readonly data: TokensData };
  readonly beams: { readonly params: Record<string, never>; readonly data: BeamsData };
  readonly attention: { readonly params: AttentionParams; readonly data: AttentionData };
  readonly lens: { readonly params: LogitLensParams; readonly data: LogitLensData };
  readonly counterfactuals: { readonly params: CounterfactualsParams; readonly data: CounterfactualsData };
  readonly occlusion: { readonly params: OcclusionParams; readonly data: OcclusionData };
  readonly compare: { readonly params: CompareParams; readonly data: CompareData };
  readonly encoder: { readonly params: Record<string, never>; readonly data: EncoderData };
}

export type LensView = keyof LensViews;
export const lensViews = [
  'table',
  'heatmap',
  'map',
  'tokens',
  'beams',
  'attention',
  'lens',
  'counterfactuals',
  'occlusion',
  'compare',
  'encoder',
] as const satisfies readonly LensView[];

/** One view of one image; `reference` are images that stand for "every image" instead of the pack's statistics. */
export interface LensParams<View extends LensView = LensView> {
  readonly uri: string;
  readonly view: View;
  readonly params: LensViews[View]['params'];
  readonly reference?: readonly string[];
}

export interface LensResult<View extends LensView = LensView> {
  readonly model: ModelInfo;
  readonly view: View;
  readonly data: LensViews[View]['data'];
}

/** Asks the language server for a view's data. Fails with a `{ code }` of `errorCodes` in the error's data. */
export const lensRequest = new RequestType<LensParams, LensResult, { code: ErrorCode }>('clipcap/lens');

export interface Thumbnail {
  /** A JPEG as a data URI, of at most 192 pixels a side: some 8 KB. */
  readonly source: string;
}

/** Asks the language server for a small picture of an image file, for who may not load the file. Fails as `lensRequest` does. */
export const thumbnailRequest = new RequestType<{ readonly uri: string }, Thumbnail, { code: ErrorCode }>(
  'clipcap/thumbnail',
);

/** What is asked of each view; defaults for those that are left out. */
export type LensViewParams = { readonly [View in LensView]?: LensViews[View]['params'] };

/** Every view of one image as a web page of its own. A comparison is in it if `views` say with what. */
export interface LensReportParams {
  readonly uri: string;
  readonly views?: LensViewParams;
  readonly reference?: readonly string[];
}

export interface LensReport {
  /** The one answer that may exceed 200 KB: it holds the image and what draws the views. */
  readonly html: string;
}

/** Asks the language server for a report. Fails as `lensRequest` does. */
export const lensReportRequest = new RequestType<LensReportParams, LensReport, { code: ErrorCode }>(
  'clipcap/lensReport',
);

// ── the command line ──────────────────────────────────────────────────────────────────────────────────────────────

/** The document of `clipcap inspect --json`, version 1: fields may be added, none change their meaning. */
export interface InspectDocument {
  readonly version: 1;
  readonly model: ModelInfo;
  readonly image: {
    readonly path: string;
    readonly sha256: string;
    /** Of the upright image, in pixels. */
    readonly width: number;
    readonly height: number;
  };
  readonly views: { readonly [View in LensView]?: LensViews[View]['data'] };
  /** Views that this pack or this prefix cannot give, and why. */
  readonly unavailable?: UnavailableViews;
}

export type UnavailableViews = {
  readonly [View in LensView]?: { readonly code: ErrorCode; readonly message: string };
};

/** What a report holds in `<script type="application/json" id="lens-data">`. */
export interface ReportDocument extends InspectDocument {
  readonly image: InspectDocument['image'] & {
    /** The upright image as a data URI, at most 1024 pixels a side. */
    readonly source: string;
  };
  /** Small pictures of the images of a comparison, as data URIs, by the URI of their items. */
  readonly thumbnails?: Readonly<Record<string, string>>;
}
