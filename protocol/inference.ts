/**
 * Everything that the server and its inference process say to each other. Image bytes travel as `Uint8Array` over
 * fork's channel with `serialization: 'advanced'`; the inference process opens no file but those of the pack.
 */
import { NotificationType, RequestType, type ResponseError } from 'vscode-jsonrpc';
import type { CaptionOptions, CaptionResult, ErrorCode, ModelInfo } from './caption.js';

type Failure = ResponseError<{ code: ErrorCode }>['data'];

/** Hover before command before batch: a lower number runs first. */
export const priorities = { hover: 0, command: 1, batch: 2 } as const;
export type Priority = (typeof priorities)[keyof typeof priorities];

export interface CaptionImageParams {
  /** The folder of the model pack. */
  readonly model: string;
  /** `cpu` or, later, another execution provider; `auto` takes the platform's order. */
  readonly provider: string;
  /** The image file's bytes. */
  readonly bytes: Uint8Array;
  /** What messages call the image. */
  readonly name: string;
  /** SHA-256 of `bytes`, hexadecimal. */
  readonly sha256: string;
  readonly priority: Priority;
  readonly options: CaptionOptions;
}

type Request = Pick<CaptionImageParams, 'sha256' | 'model' | 'provider' | 'options'>;

/** Which requests have one answer: equal image, model and options. Who asks, and how urgently, is no part of it. */
export function requestKey({ sha256, model, provider, options }: Request): string {
  const { strategy, beams, maxTokens, captions, nearest } = options;
  return JSON.stringify([sha256, model, provider, strategy, beams, maxTokens, captions, nearest]);
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

// ── from the inference process ────────────────────────────────────────────────────────────────────────────────────

export type ModelState =
  | { readonly state: 'loading'; readonly model: string }
  | { readonly state: 'ready'; readonly model: ModelInfo; /** The pack's name for readers. */ readonly title: string }
  | { readonly state: 'failed'; readonly model: string; readonly code: ErrorCode; readonly message: string };

/** Sent whenever the resident model changes. */
export const modelState = new NotificationType<ModelState>('inference/modelState');
