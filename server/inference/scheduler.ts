/**
 * Which image is worked on when. Images are decoded ahead, a few at a time, while the model runs; ready images with
 * the same model, options and priority are captioned as one batch, the most urgent first.
 */
import type { CancellationToken } from 'vscode-jsonrpc';
import { optionsKey, type CaptionOptions, type CaptionResult, type ModelInfo } from '@clipcap/protocol/caption';
import { CaptionError } from '@clipcap/protocol/error';
import { type CaptionImageParams, priorities, type Priority, requestKey } from '@clipcap/protocol/inference';
import type { ImageRecipe } from '@clipcap/models/pack/manifest';
import { BatchSize } from './batchSize.js';
import { collectGarbage } from './collectGarbage.js';
import type { ModelOutput } from './model.js';
import type { ImageHeader } from './decode.js';
import { PixelRoom } from './pixelRoom.js';
import { preprocess } from './preprocess.js';
import type { Pixels } from './resample.js';
import type { ModelIdentity, ResidentModel } from './residentModel.js';

/** What the scheduler needs of a model. */
export interface CaptionModel {
  readonly info: ModelInfo;
  readonly title: string;
  readonly imageRecipe: ImageRecipe;
  caption(
    pixelValues: readonly Float32Array[],
    options: CaptionOptions,
    checkpoint: () => Promise<void>,
    grown?: (image: number, text: string) => void,
  ): Promise<ModelOutput[]>;
  dispose(): Promise<void>;
}

/** Pixels of an image whose memory is given back at once. */
const largeImage = 4_000_000;
/** Images that are decoded at the same time. */
const decodersLimit = 3;
/** Images that are decoded before the model has time for them: one batch and a half. */
const aheadLimit = 12;

interface Job {
  params: CaptionImageParams;
  /** Images of one group may run as one batch. */
  group: string;
  readonly order: number;
  stage: 'waiting' | 'inspecting' | 'inspected' | 'decoding' | 'ready' | 'running' | 'settled';
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

export class Scheduler {
  readonly #resident: ResidentModel<CaptionModel>;
  readonly #inspect: (bytes: Uint8Array, name: string) => Promise<ImageHeader>;
  readonly #room = new PixelRoom<Job>();
  readonly #batchSize = new BatchSize();
  #jobs: Job[] = [];
  #order = 0;
  #busy = false;

  constructor(
    resident: ResidentModel<CaptionModel>,
    inspect: (bytes: Uint8Array, name: string) => Promise<ImageHeader>,
  ) {
    this.#resident = resident;
    this.#inspect = inspect;
  }

  /**
   * Captions one image; rejects with a `CaptionError`, and with `cancelled` as soon as the token is cancelled.
   * @param grown told after every decoder step the text that the caption has so far
   */
  caption(
    params: CaptionImageParams,
    token: CancellationToken,
    grown?: (text: string) => void,
  ): Promise<CaptionResult> {
    return new Promise((resolve, reject) => {
      const job: Job = {
        params,
        group: groupOf(params),
        order: this.#order++,
        stage: 'waiting',
        size: 0,
        width: 0,
        height: 0,
        decodeTime: 0,
        preprocessTime: 0,
        grown,
        settle: (result) => {
          if (job.stage === 'settled') return;
          // What is still being decoded stays in memory until then.
          if (job.stage !== 'decoding') this.#room.delete(job);
          job.stage = 'settled';
          cancellation.dispose();
          this.#jobs = this.#jobs.filter((other) => other !== job);
          if (result instanceof CaptionError) reject(result);
          else resolve(result);
          this.#advance();
        },
      };
      const cancel = (): void => job.settle(cancelledError(params.name));
      const cancellation = token.onCancellationRequested(cancel);
      this.#jobs.push(job);
      if (token.isCancellationRequested) cancel();
      else this.#advance();
    });
  }

  /** Raises the priority of a request that waits; what runs already is as far as it can be. */
  prioritise(key: string, priority: Priority): void {
    for (const job of this.#jobs) {
      if (job.stage === 'running' || job.params.priority <= priority || requestKey(job.params) !== key) continue;
      job.params = { ...job.params, priority };
      job.group = groupOf(job.params);
    }
    this.#advance();
  }

  /** Makes a model resident. It waits for what runs, like a request for a caption. */
  load(wanted: ModelIdentity): Promise<ModelInfo> {
    return this.#resident.use(wanted, (model) => Promise.resolve(model.info));
  }

  #advance(): void {
    this.#jobs.sort((a, b) => a.params.priority - b.params.priority || a.order - b.order);
    this.#decodeAhead();
    if (!this.#busy) void this.#runBatches();
  }

  #decodeAhead(): void {
    for (const job of this.#jobs) {
      if (job.stage !== 'waiting' && job.stage !== 'inspected') continue;
      const decoding = this.#jobs.filter(isBeingDecoded);
      const ready = this.#jobs.filter((other) => other.stage === 'ready');
      if (decoding.length >= decodersLimit) return;
      // The urgent ones need not wait for the model.
      if (decoding.length + ready.length >= aheadLimit && job.params.priority === priorities.batch) return;
      const { header } = job;
      if (!header) {
        void this.#prepare(job, () => this.#inspectImage(job));
      } else {
        if (!this.#room.hasRoomFor(job)) return;
        void this.#prepare(job, () => this.#decodeImage(job, header));
      }
    }
  }

  async #prepare(job: Job, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      job.settle(asCaptionError(error, job.params.name));
    }
    this.#advance();
  }

  async #inspectImage(job: Job): Promise<void> {
    job.stage = 'inspecting';
    const start = performance.now();
    const header = await this.#inspect(job.params.bytes, job.params.name);
    if (job.stage !== 'inspecting') return;
    job.decodeTime = performance.now() - start;
    job.stage = 'inspected';
    job.header = header;
    job.size = header.size;
  }

  async #decodeImage(job: Job, header: ImageHeader): Promise<void> {
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
      // Full-size pixels are given up as soon as it is known what the model wants of them.
      const model = this.#resident.get(job.params);
      if (model) this.#preprocess(job, model);
    } finally {
      if (!job.pixels) this.#room.delete(job);
    }
  }

  #preprocess(job: Job, model: CaptionModel): Float32Array {
    if (job.values) return job.values;
    if (!job.pixels) throw new Error('an image is decoded before it is preprocessed');
    const start = performance.now();
    job.values = preprocess(job.pixels, model.imageRecipe);
    delete job.pixels;
    this.#room.delete(job);
    job.preprocessTime = performance.now() - start;
    if (job.width * job.height > largeImage) collectGarbage();
    return job.values;
  }

  async #runBatches(): Promise<void> {
    this.#busy = true;
    for (let first = this.#jobs[0]; first; first = this.#jobs[0]) {
      const batch = this.#nextBatch();
      const { params } = batch[0] ?? first;
      // The model is loaded while its first image is being decoded.
      if (batch.length === 0 && this.#resident.get(params)) break;
      for (const job of batch) job.stage = 'running';
      try {
        await this.#resident.use(params, (model) => this.#captionEach(model, batch));
      } catch (error) {
        this.#failAll(params, asCaptionError(error, params.model));
      }
    }
    this.#busy = false;
  }

  /** The most urgent ready images that fit together. Those of a batch wait for others that are being decoded. */
  #nextBatch(): readonly Job[] {
    const head = this.#jobs.find((job) => job.stage === 'ready');
    if (!head) return [];
    const limit = this.#batchSize.limit(head.group);
    const group = this.#jobs.filter((job) => job.group === head.group);
    const ready = group.filter((job) => job.stage === 'ready');
    const patient = head.params.priority === priorities.batch && ready.length < limit;
    return patient && group.some(isBeingDecoded) ? [] : ready.slice(0, limit);
  }

  async #captionEach(model: CaptionModel, batch: readonly Job[]): Promise<void> {
    if (await this.#captionTogether(model, batch)) return;
    // One image may be at fault: the others must not suffer for it.
    for (const job of batch) await this.#captionTogether(model, [job]);
  }

  /** Every request for a model that cannot be loaded has the same answer. */
  #failAll({ model, provider }: ModelIdentity, error: CaptionError): void {
    for (const job of this.#jobs) {
      if (job.params.model === model && job.params.provider === provider) job.settle(error);
    }
  }

  /** False if it failed for several images at once, which are then still to be captioned. */
  async #captionTogether(model: CaptionModel, whole: readonly Job[]): Promise<boolean> {
    const batch = whole.filter((job) => job.stage === 'running');
    const [first] = batch;
    if (!first) return true;
    try {
      const values = batch.map((job) => this.#preprocess(job, model));
      // There may be room again.
      this.#decodeAhead();
      const start = performance.now();
      const grown = (image: number, text: string): void => {
        const job = batch[image];
        if (job?.stage === 'running') job.grown?.(text);
      };
      const watched = batch.some((job) => job.grown) ? grown : undefined;
      const outputs = await model.caption(values, first.params.options, () => checkpoint(batch), watched);
      this.#batchSize.measured(first.group, batch.length, performance.now() - start);
      batch.forEach((job, i) => job.settle(toResult(job, model, outputs[i])));
      return true;
    } catch (error) {
      if (batch.every((job) => job.stage === 'settled')) return true;
      if (batch.length > 1) return false;
      first.settle(asCaptionError(error, first.params.name));
      return true;
    }
  }
}

function groupOf({ model, provider, priority, options }: CaptionImageParams): string {
  return JSON.stringify([model, provider, priority, optionsKey(options)]);
}

/** Not what waits for room: that may come only when others have run. */
function isBeingDecoded(job: Job): boolean {
  return job.stage === 'inspecting' || job.stage === 'decoding';
}

/** Lets the event loop read cancellations. A batch goes on for as long as anyone waits for any of it. */
async function checkpoint(batch: readonly Job[]): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (batch.every((job) => job.stage === 'settled')) throw cancelledError('The batch');
}

function toResult(job: Job, model: CaptionModel, output: ModelOutput | undefined): CaptionResult | CaptionError {
  if (!output)
    return new CaptionError('inference-failed', `The model gave no result for ${job.params.name}. Try again.`);
  const { captions, prefix, timings } = output;
  const { width, height, decodeTime, preprocessTime } = job;
  const sha256 = job.params.sha256;
  const allTimings = { decode: decodeTime, preprocess: preprocessTime, ...timings };
  return {
    model: model.info,
    title: model.title,
    image: { sha256, width, height, captions, prefix, timings: allTimings },
  };
}

function cancelledError(name: string): CaptionError {
  return new CaptionError('cancelled', `${name} was cancelled. Ask for it again if you still want it.`);
}

function asCaptionError(error: unknown, name: string): CaptionError {
  if (error instanceof CaptionError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new CaptionError(
    'inference-failed',
    `${name} could not be captioned (${reason}). Try again; report it if it stays.`,
    {
      cause: error,
    },
  );
}
