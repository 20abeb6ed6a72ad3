/**
 * What captioning one image yields: the payload that travels from the inference process to the editor, the panel and
 * the command line's JSON document. Times are milliseconds; log-probabilities are natural logarithms of the full,
 * unfiltered softmax.
 */
import type { Strategy } from './decoding.js';

/** One generated token. `text` is the token decoded alone, leading space kept, bytes that are no UTF-8 as `\xNN`. */
export interface TokenScore {
  readonly id: number;
  readonly text: string;
  readonly logProb: number;
}

/** One caption. `score` is the mean `logProb` of `tokens`, which hold every generated token, the stop token included. */
export interface Caption {
  readonly text: string;
  readonly score: number;
  readonly tokens: readonly TokenScore[];
}

/** A caption's text as people read it: a model may have nothing to say. */
export function captionWords(caption: Caption | undefined): string {
  return caption?.text || '(no words)';
}

/** A vocabulary token near a prefix embedding; `score` is the cosine of the two, in −1…1. */
export interface NearestToken {
  readonly id: number;
  readonly text: string;
  readonly score: number;
}

/** One prefix embedding: its position (from 0), its Euclidean norm, and its nearest tokens, best first, ties by lower id. */
export interface PrefixPosition {
  readonly position: number;
  readonly norm: number;
  readonly nearest: readonly NearestToken[];
}

/** How long each step took. Steps that ran for a batch of images count as the batch's time divided by its images. */
export interface Timings {
  readonly decode: number;
  readonly preprocess: number;
  readonly encode: number;
  readonly map: number;
  readonly generate: number;
  readonly interpret: number;
}

/** The model that made a caption. `width` is the language model's width D, `prefixLength` the number K of prefix embeddings. */
export interface ModelInfo {
  readonly id: string;
  readonly encoder: string;
  readonly mapper: string;
  readonly prefixLength: number;
  readonly width: number;
  readonly dtype: string;
  readonly provider: string;
}

/** An image that was captioned. Width and height are those of the upright image, in pixels. */
interface CaptionedImage {
  readonly sha256: string;
  readonly width: number;
  readonly height: number;
  readonly captions: readonly Caption[];
  readonly prefix: readonly PrefixPosition[];
  readonly timings: Timings;
}

/** What a result of one inference request holds: the image's captions and the model that made them. */
export interface CaptionResult {
  readonly model: ModelInfo;
  /** The model's name for readers. */
  readonly title: string;
  readonly image: CaptionedImage;
}

/**
 * What to compute for an image; what is absent is taken from the pack (`decoding`) or the documented defaults.
 * `protocol/decoding.ts` has the ranges and which strategy takes which option.
 */
export interface CaptionOptions {
  readonly strategy?: Strategy;
  readonly beams?: number;
  /** α of the standard beam search: captions are compared by Σ log p / length^α. */
  readonly lengthPenalty?: number;
  /** Groups of a diverse beam search; they divide the beams. */
  readonly groups?: number;
  /** What a token loses, in nats, for every beam of an earlier group that took it at the same step. */
  readonly diversity?: number;
  readonly temperature?: number;
  /** Only the k most probable tokens are drawn from. */
  readonly topK?: number;
  /** Only the most probable tokens that together have this probability are drawn from. */
  readonly topP?: number;
  readonly seed?: number;
  /** No token ends a caption that would then be shorter than this, its last token included. */
  readonly minTokens?: number;
  readonly maxTokens?: number;
  /** Tokens that end a caption beside those of the pack: ids, or text that is one token. */
  readonly stop?: readonly (number | string)[];
  /** What every caption begins with. */
  readonly begin?: string;
  /** How many captions to return, best first. Default 1; at most the beams. */
  readonly captions?: number;
  /** How many nearest tokens to return for each prefix position. Default 8. */
  readonly nearest?: number;
}

/** Every option; the compiler misses one that is left out. */
const optionNames: Readonly<Record<keyof CaptionOptions, true>> = {
  strategy: true,
  beams: true,
  lengthPenalty: true,
  groups: true,
  diversity: true,
  temperature: true,
  topK: true,
  topP: true,
  seed: true,
  minTokens: true,
  maxTokens: true,
  stop: true,
  begin: true,
  captions: true,
  nearest: true,
};

/** Equal for options that ask for the same, whatever order they are written in. */
export function optionsKey(options: CaptionOptions): string {
  const given: Readonly<Record<string, unknown>> = { ...options };
  return JSON.stringify(Object.keys(optionNames).map((name) => given[name]));
}

export const defaultNearest = 8;

/** The command line's document (`--json`), version 1: fields may be added, none change their meaning. */
export type CaptionDocument =
  | {
      readonly version: 1;
      readonly model: ModelInfo;
      readonly images: readonly ImageEntry[];
    }
  | { readonly version: 1; readonly error: { readonly code: ErrorCode; readonly message: string } };

export type ImageEntry =
  | ({ readonly path: string } & CaptionedImage)
  | { readonly path: string; readonly error: { readonly code: ErrorCode; readonly message: string } };

/** Every code an error of captioning can carry; `docs/errors.md` lists each with its remedy. */
export const errorCodes = [
  // the image
  'missing',
  'unreadable',
  'not-a-file',
  'symlink-loop',
  'empty-file',
  'empty-folder',
  'too-large',
  'not-an-image',
  'unsupported-format',
  'corrupt-image',
  'too-many-pixels',
  // the pack
  'pack-missing',
  'pack-invalid',
  'pack-newer',
  'pack-file-missing',
  'pack-file-changed',
  'pack-tensor-mismatch',
  'pack-unwritable',
  // a checkpoint to import
  'checkpoint-missing',
  'checkpoint-invalid',
  'checkpoint-unsupported',
  'checkpoint-mismatch',
  // a model to download
  'model-unknown',
  'download-manual',
  'download-offline',
  'download-refused',
  'download-missing',
  'download-failed',
  'download-mismatch',
  'download-busy',
  'download-space',
  'download-unwritable',
  // the runtime
  'provider-unavailable',
  'out-of-memory',
  'inference-failed',
  'inference-crashed',
  'inference-down',
  'lens-unavailable',
  'cancelled',
  'usage',
] as const;

export type ErrorCode = (typeof errorCodes)[number];
