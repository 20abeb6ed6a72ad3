/** One image's way through the inference process, from the request to its result. */
import { optionsKey, type CaptionResult, type ModelInfo } from '@clipcap/protocol/caption';
import { CaptionError } from '@clipcap/protocol/error';
import type { CaptionImageParams } from '@clipcap/protocol/inference';
import type { ImageHeader } from './decode.js';
import type { ModelOutput } from './model.js';
import type { Pixels } from './resample.js';

export interface CaptionJob {
  params: CaptionImageParams;
  /** Images of one group may run as one batch. */
  group: string;
  readonly order: number;
  stage: 'waiting' | 'inspecting' | 'inspected' | 'decoding' | 'ready' | 'running' | 'settled';
  /** Images of the batch that it runs in. */
  together: number;
  header?: ImageHeader;
  /** Width × height, once it is inspected. */
  size: number;
  pixels?: Pixels;
  values?: Float32Array;
  width: number;
  height: number;
  decodeTime: number;
  preprocessTime: number;
  /** Told how the caption grows. */
  readonly grown: ((text: string) => void) | undefined;
  readonly settle: (result: CaptionResult | CaptionError) => void;
}

export function newJob(
  params: CaptionImageParams,
  order: number,
  grown: CaptionJob['grown'],
  settle: CaptionJob['settle'],
): CaptionJob {
  const measures = { size: 0, width: 0, height: 0, decodeTime: 0, preprocessTime: 0, together: 0 };
  return { params, group: groupOf(params), order, stage: 'waiting', ...measures, grown, settle };
}

export function groupOf({ model, provider, priority, options }: CaptionImageParams): string {
  return JSON.stringify([model, provider, priority, optionsKey(options)]);
}

export function toResult(
  job: CaptionJob,
  { info, title }: { readonly info: ModelInfo; readonly title: string },
  output: ModelOutput | undefined,
): CaptionResult | CaptionError {
  if (!output) {
    return new CaptionError('inference-failed', `The model gave no result for ${job.params.name}. Try again.`);
  }
  const { captions, prefix, timings } = output;
  const { width, height, decodeTime, preprocessTime } = job;
  const sha256 = job.params.sha256;
  const allTimings = { decode: decodeTime, preprocess: preprocessTime, ...timings };
  return {
    model: info,
    title,
    image: { sha256, width, height, captions, prefix, timings: allTimings },
  };
}

export function asCaptionError(error: unknown, name: string): CaptionError {
  if (error instanceof CaptionError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new CaptionError(
    'inference-failed',
    `${name} could not be captioned (${reason}). Try again; report it if it stays.`,
    { cause: error },
  );
}
