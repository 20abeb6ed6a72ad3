/**
 * Everything that the server and its inference process say to each other. Image bytes travel as `Uint8Array` over
 * fork's channel with `serialization: 'advanced'`; the inference process opens no file but those of packs, whole
 * or being made.
 */
import { NotificationType, ProgressType, RequestType, RequestType0, type ResponseError } from 'vscode-jsonrpc';
import { optionsKey, type CaptionOptions, type CaptionResult, type ErrorCode, type ModelInfo } from './caption.js';
import type { LensResult, LensView, LensViews } from './lens.js';
import type { Provider, TrialResult } from './provider.js';

type Failure = ResponseError<{ code: ErrorCode }>['data'];

/** Hover before command before batch: a lower number runs first. */
export const priorities = { hover: 0, command: 1, batch: 2 } as const;
export type Priority = (typeof priorities)[keyof typeof priorities];

export interface CaptionImageParams {
  /** The folder of the model pack. */
  readonly model: string;
  /** An execution provider; the inference process takes `auto` as `cpu`. */
  readonly provider: string;
  /** The image file's bytes. */
  readonly bytes: Uint8Array;
  /** What messages call the image. */
  readonly name: string;
  /** SHA-256 of `bytes`, hexadecimal. */
  readonly sha256: string;
  readonly priority: Priority;
  readonly options: CaptionOptions;
  /** Who wants to see the caption grow: it is reported (`captionGrown`) under this token. */
  readonly progress?: number;
}

type Request = Pick<CaptionImageParams, 'sha256' | 'model' | 'provider' | 'options'>;

/** Which requests have one answer: equal image, model and options. Who asks, and how urgently, is no part of it. */
export function requestKey({ sha256, model, provider, options }: Request): string {
  return JSON.stringify([sha256, model, provider, optionsKey(options)]);
}

// ── to the inference process ──────────────────────────────────────────────────────────────────────────────────────

/** Captions one image. Cancellation is seen before the encoder, after it, and before every decoder step. */
export const captionImage = new RequestType<CaptionImageParams, CaptionResult, Failure>('inference/captionImage');

/** Someone more urgent has come to wait for a caption that is with the process already. */
export const prioritise = new NotificationType<{ /** See {@link requestKey}. */ key: string; priority: Priority }>(
  'inference/prioritise',
);

/** Loads a pack (unless it is resident) and answers what it is. */
export const loadModel = new RequestType<{ model: string; provider: string }, ModelInfo, Failure>(
  'inference/loadModel',
);

/** Runs a pack on a provider and on the CPU, and compares. Asked of a process of its own, which may hang or die of it. */
export const tryProvider = new RequestType<{ model: string; provider: Provider }, TrialResult, Failure>(
  'inference/tryProvider',
);

/** Sent before a trial runs the pack on a provider: the one that is tried first, then the CPU. */
export const trialRuns = new NotificationType<Provider>('inference/trialRuns');

/** An image file and what messages call it. */
export interface ImageBytes {
  readonly bytes: Uint8Array;
  readonly name: string;
}

export interface SelfCheck {
  /** Whether prefix, logits and the nearest words’ scores are numbers. */
  readonly finite: boolean;
  /** ‖a − b‖ / ‖a‖ of two different images’ prefixes. */
  readonly prefixDifference: number;
  /** The likeliest first token of the image's caption. */
  readonly next: string;
  /** Only of an image that was given: generated pictures have none to speak of. */
  readonly caption?: string;
  /** The word nearest to each prefix position. */
  readonly nearest: readonly string[];
}

/** Runs a pack that was just imported on the CPU, with an image or without. */
export const checkModel = new RequestType<{ model: string; image?: ImageBytes }, SelfCheck, Failure>(
  'inference/checkModel',
);

/** The prefixes [K·D] of images, for a pack’s statistics. */
export const measurePrefixes = new RequestType<
  { model: string; images: readonly ImageBytes[] },
  readonly Float32Array[],
  Failure
>('inference/measurePrefixes');

/** The sizes of CLIP's text side. */
export interface TextTower {
  readonly vocabulary: number;
  /** How many tokens a text may have. */
  readonly context: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  /** Of the feed-forward networks. */
  readonly hiddenWidth: number;
  readonly activation: 'quick-gelu' | 'gelu';
  /** That of the image side, too. */
  readonly embeddingWidth: number;
}

export interface EmbedTextsParams {
  readonly tower: TextTower;
  /** The safetensors file of its weights, under OpenAI's names. */
  readonly weights: string;
  /** The text of a `tokenizer.json`. */
  readonly tokenizer: string;
  readonly texts: readonly string[];
}

/** Texts through CLIP's text side → [L·d], each of length 1: what an import keeps of that side. */
export const embedTexts = new RequestType<EmbedTextsParams, Float32Array, Failure>('inference/embedTexts');

/** An image file's content. */
export interface ImageContent extends ImageBytes {
  /** SHA-256 of `bytes`, hexadecimal. */
  readonly sha256: string;
}

export interface ImageParams {
  readonly model: string;
  readonly provider: string;
  readonly image: ImageContent;
}

export interface EncodedImage {
  /** [K·D] */
  readonly prefix: Float32Array;
  /** Of the upright image, in pixels. */
  readonly width: number;
  readonly height: number;
}

/** The prefix of one image, for views that set images beside each other. */
export const encodeImage = new RequestType<ImageParams, EncodedImage, Failure>('inference/encodeImage');

export interface PictureParams extends ImageParams {
  /** At most this many pixels a side. */
  readonly side: number;
}

/** The upright image as a small JPEG, for reports and for clients that may not load the file. The model stays as it is. */
export const pictureOfImage = new RequestType<PictureParams, Uint8Array, Failure>('inference/pictureOfImage');

export interface ComputeLensParams<View extends LensView = LensView> extends ImageParams {
  readonly uri: string;
  readonly view: View;
  readonly params: LensViews[View]['params'];
  /** How captions are decoded. */
  readonly options: CaptionOptions;
  /** The images that `params` name by their URIs. */
  readonly others: readonly { readonly uri: string; readonly label: string; readonly prefix: Float32Array }[];
  /** The mean prefix [K·D] of images that stand for every image. */
  readonly reference?: { readonly mean: Float32Array; readonly images: number };
}

/** One view of the Prefix Lens. Cancellation is seen before every run of a session; captions run in between. */
export const computeLens = new RequestType<ComputeLensParams, LensResult, Failure>('inference/computeLens');

export interface RuntimeInfo {
  /** Of ONNX Runtime. */
  readonly version: string;
  /** The execution providers it was built with; some need a library that is not in it. */
  readonly providers: readonly Provider[];
  /** Resident memory of the process in bytes. */
  readonly memory: number;
}

/** What the inference process runs on. */
export const runtimeInfo = new RequestType0<RuntimeInfo, Failure>('inference/runtimeInfo');

// ── from the inference process ────────────────────────────────────────────────────────────────────────────────────

export type ModelState =
  | { readonly state: 'loading'; readonly model: string }
  | { readonly state: 'ready'; readonly model: ModelInfo; /** The pack's name for readers. */ readonly title: string }
  | { readonly state: 'failed'; readonly model: string; readonly code: ErrorCode; readonly message: string };

/** Sent whenever the resident model changes. */
export const modelState = new NotificationType<ModelState>('inference/modelState');

/** The text that a caption has so far, after every decoder step. A beam search may change its mind. */
export const captionGrown = new ProgressType<string>();
