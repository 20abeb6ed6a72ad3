/**
 * Images are decoded ahead, a few at a time, while the model runs; how many full-size images may be in memory is
 * `PixelRoom`'s business, and their pixels are given up as soon as it is known what the model wants of them.
 */
import type { ImageRecipe } from '@clipcap/models/pack/manifest';
import { type CaptionImageParams, priorities } from '@clipcap/protocol/inference';
import { asCaptionError, type CaptionJob } from './captionJob.js';
import type { ImageHeader } from './decode.js';
import { collectPixels } from './pixelGarbage.js';
import { PixelRoom } from './pixelRoom.js';
import { preprocess } from './preprocess.js';

/** Images that are decoded at the same time. */
const decodersLimit = 3;
/** Images that are decoded before the model has time for them: one batch and a half. */
const aheadLimit = 24;

interface Surroundings {
  readonly inspect: (bytes: Uint8Array, name: string) => Promise<ImageHeader>;
  /** What a model wants of an image, if the model is resident. */
  readonly recipe: (params: CaptionImageParams) => ImageRecipe | undefined;
  /** Told when an image has come further. */
  readonly advanced: () => void;
}

export class DecodeAhead {
  readonly #surroundings: Surroundings;
  readonly #room = new PixelRoom<CaptionJob>();

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** Begins with what there is room for. @param jobs the most urgent first */
  advance(jobs: readonly CaptionJob[]): void {
    for (const job of jobs) {
      if (job.stage !== 'waiting' && job.stage !== 'inspected') continue;
      const decoding = jobs.filter(isBeingDecoded);
      const ready = jobs.filter((other) => other.stage === 'ready');
      if (decoding.length >= decodersLimit) return;
      // The urgent ones need not wait for the model.
      if (decoding.length + ready.length >= aheadLimit && job.params.priority === priorities.batch) return;
      const { header } = job;
      if (!header) {
        void this.#prepare(job, () => this.#inspect(job));
      } else {
        if (!this.#room.hasRoomFor(job)) return;
        void this.#prepare(job, () => this.#decode(job, header));
      }
    }
  }

  /** What the model is given of an image that was decoded. */
  preprocess(job: CaptionJob, recipe: ImageRecipe): Float32Array {
    if (job.values) return job.values;
    if (!job.pixels) throw new Error('an image is decoded before it is preprocessed');
    const start = performance.now();
    job.values = preprocess(job.pixels, recipe);
    delete job.pixels;
    this.#room.delete(job);
    job.preprocessTime = performance.now() - start;
    collectPixels();
    return job.values;
  }

  /** Nobody waits for this image any more. What is still being decoded stays in memory until then. */
  release(job: CaptionJob): void {
    if (job.stage !== 'decoding') this.#room.delete(job);
  }

  async #prepare(job: CaptionJob, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      job.settle(asCaptionError(error, job.params.name));
    }
    this.#surroundings.advanced();
  }

  async #inspect(job: CaptionJob): Promise<void> {
    job.stage = 'inspecting';
    const start = performance.now();
    const header = await this.#surroundings.inspect(job.params.bytes, job.params.name);
    if (job.stage !== 'inspecting') return;
    job.decodeTime = performance.now() - start;
    job.stage = 'inspected';
    job.header = header;
    job.size = header.size;
  }

  async #decode(job: CaptionJob, header: ImageHeader): Promise<void> {
    job.stage = 'decoding';
    this.#room.add(job);
    const start = performance.now();
    try {
      const pixels = await header.decode();
      if (job.stage !== 'decoding') return;
      job.decodeTime += performance.now() - start;
      job.stage = 'ready';
      job.width = pixels.width;
      job.height = pixels.height;
      job.pixels = pixels;
      const recipe = this.#surroundings.recipe(job.params);
      if (recipe) this.preprocess(job, recipe);
    } finally {
      if (!job.pixels) this.#room.delete(job);
    }
  }
}

/** Not what waits for room: that may come only when others have run. */
export function isBeingDecoded(job: CaptionJob): boolean {
  return job.stage === 'inspecting' || job.stage === 'decoding';
}
