/**
 * Which image is captioned when. Ready images with the same model, options and priority are captioned as one batch. Each
 * priority has a line of batches of its own: a batch lets a more urgent one run between two of its steps.
 */
import type { CancellationToken } from 'vscode-jsonrpc';
import type { CaptionOptions, CaptionResult, ModelInfo } from '@clipcap/protocol/caption';
import { cancelled, CaptionError } from '@clipcap/protocol/error';
import { type CaptionImageParams, priorities, type Priority, requestKey } from '@clipcap/protocol/inference';
import type { ImageRecipe } from '@clipcap/models/pack/manifest';
import { BatchSize } from './batchSize.js';
import { asCaptionError, type CaptionJob, groupOf, newJob, toResult } from './captionJob.js';
import { DecodeAhead, isBeingDecoded } from './decodeAhead.js';
import type { ModelOutput } from './model.js';
import type { ImageHeader } from './decode.js';
import { type ModelIdentity, ModelReplaced, type Pause, type ResidentModel } from './residentModel.js';

/** What the scheduler needs of a model. */
export interface CaptionModel {
  readonly info: ModelInfo;
  readonly title: string;
  readonly imageRecipe: ImageRecipe;
  /** How many images memory allows as one batch; throws where `caption` does. */
  mostTogether(options: CaptionOptions): number;
  caption(
    pixelValues: readonly Float32Array[],
    options: CaptionOptions,
    checkpoint: () => Promise<void>,
    grown?: (image: number, text: string) => void,
  ): Promise<ModelOutput[]>;
  dispose(): Promise<void>;
}

export class Scheduler {
  readonly #resident: ResidentModel<CaptionModel>;
  readonly #decoding: DecodeAhead;
  readonly #batchSize = new BatchSize();
  /** Priorities whose batches are running. */
  readonly #busy = new Set<Priority>();
  #jobs: CaptionJob[] = [];
  #order = 0;

  constructor(
    resident: ResidentModel<CaptionModel>,
    inspect: (bytes: Uint8Array, name: string) => Promise<ImageHeader>,
  ) {
    this.#resident = resident;
    this.#decoding = new DecodeAhead({
      inspect,
      recipe: (params) => resident.get(params)?.imageRecipe,
      advanced: () => this.#advance(),
    });
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
      const job = newJob(params, this.#order++, grown, (result) => {
        if (job.stage === 'settled') return;
        this.#decoding.release(job);
        job.stage = 'settled';
        cancellation.dispose();
        this.#jobs = this.#jobs.filter((other) => other !== job);
        if (result instanceof CaptionError) reject(result);
        else resolve(result);
        this.#advance();
      });
      const cancel = (): void => job.settle(cancelled(params.name));
      const cancellation = token.onCancellationRequested(cancel);
      this.#jobs.push(job);
      if (token.isCancellationRequested) cancel();
      else this.#advance();
    });
  }

  /** Raises the priority of a request. What runs in a batch with others is begun again on its own, ahead of the batch. */
  prioritise(key: string, priority: Priority): void {
    for (const job of this.#jobs) {
      if (job.params.priority <= priority || requestKey(job.params) !== key) continue;
      if (job.stage === 'running') {
        if (job.together === 1) continue;
        job.stage = 'ready';
      }
      job.params = { ...job.params, priority };
      job.group = groupOf(job.params);
    }
    this.#advance();
  }

  /** Makes a model resident. It waits for what runs, like a request for a caption. */
  load(wanted: ModelIdentity): Promise<ModelInfo> {
    return this.#resident.use(wanted, (model) => Promise.resolve(model.info), priorities.command);
  }

  #advance(): void {
    this.#jobs.sort((a, b) => a.params.priority - b.params.priority || a.order - b.order);
    this.#decoding.advance(this.#jobs);
    for (const priority of Object.values(priorities)) if (!this.#busy.has(priority)) void this.#runBatches(priority);
  }

  async #runBatches(priority: Priority): Promise<void> {
    this.#busy.add(priority);
    for (let first = this.#first(priority); first; first = this.#first(priority)) {
      const batch = this.#nextBatch(priority);
      const { params } = batch[0] ?? first;
      // The model is loaded while its first image is being decoded.
      if (batch.length === 0 && this.#resident.get(params)) break;
      for (const job of batch) {
        job.stage = 'running';
        job.together = batch.length;
      }
      try {
        await this.#resident.use(params, (model, pause) => this.#captionEach(model, batch, pause), priority);
      } catch (error) {
        if (error instanceof ModelReplaced) {
          for (const job of batch) if (job.stage === 'running') job.stage = 'ready';
        } else this.#failAll(params, asCaptionError(error, params.model));
      }
    }
    this.#busy.delete(priority);
  }

  #first(priority: Priority): CaptionJob | undefined {
    return this.#jobs.find((job) => job.params.priority === priority && job.stage !== 'running');
  }

  /** Ready images of a priority that fit together. Those of a batch wait for others that are being decoded. */
  #nextBatch(priority: Priority): readonly CaptionJob[] {
    const head = this.#jobs.find((job) => job.params.priority === priority && job.stage === 'ready');
    if (!head) return [];
    const { params, group } = head;
    const limit = Math.min(this.#batchSize.limit(group), this.#mostTogether(params));
    const members = this.#jobs.filter((job) => job.group === group);
    const ready = members.filter((job) => job.stage === 'ready');
    const patient = priority === priorities.batch && ready.length < limit;
    return patient && members.some(isBeingDecoded) ? [] : ready.slice(0, limit);
  }

  /** Options that are wrong fail each image when its turn comes. */
  #mostTogether(params: CaptionImageParams): number {
    try {
      return this.#resident.get(params)?.mostTogether(params.options) ?? 1;
    } catch {
      return 1;
    }
  }

  async #captionEach(model: CaptionModel, batch: readonly CaptionJob[], pause: Pause): Promise<void> {
    if (await this.#captionTogether(model, batch, pause)) return;
    // One image may be at fault: the others must not suffer for it.
    for (const job of batch) await this.#captionTogether(model, [job], pause);
  }

  /** Every request for a model that cannot be loaded has the same answer. */
  #failAll({ model, provider }: ModelIdentity, error: CaptionError): void {
    for (const job of this.#jobs) {
      if (job.params.model === model && job.params.provider === provider) job.settle(error);
    }
  }

  /**
   * False if it failed for several images at once, which are then still to be captioned.
   * @throws ModelReplaced while it made way for someone more urgent
   */
  async #captionTogether(model: CaptionModel, whole: readonly CaptionJob[], pause: Pause): Promise<boolean> {
    const batch = whole.filter((job) => job.stage === 'running');
    const [first] = batch;
    if (!first) return true;
    const steps = this.#batchSize.begin(first.group, batch.length);
    try {
      const values = batch.map((job) => this.#decoding.preprocess(job, model.imageRecipe));
      // There may be room again.
      this.#decoding.advance(this.#jobs);
      const grown = (image: number, text: string): void => {
        const job = batch[image];
        if (job?.stage === 'running') job.grown?.(text);
      };
      const watched = batch.some((job) => job.grown) ? grown : undefined;
      const checkpoint = async (): Promise<void> => {
        steps.ended();
        await makeWay(batch, pause);
        steps.begun();
      };
      const outputs = await model.caption(values, first.params.options, checkpoint, watched);
      steps.ended();
      batch.forEach((job, i) => job.settle(toResult(job, model, outputs[i])));
      return true;
    } catch (error) {
      if (error instanceof ModelReplaced) throw error;
      if (batch.every((job) => job.stage === 'settled')) return true;
      if (batch.length > 1) return false;
      first.settle(asCaptionError(error, first.params.name));
      return true;
    }
  }
}

/** Lets the event loop read cancellations and others run. A batch goes on for as long as anyone waits for any of it. */
async function makeWay(batch: readonly CaptionJob[], pause: Pause): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  // One image is done sooner than another model is loaded, and its own again.
  await pause(batch.length === 1 ? 'same model' : undefined);
  if (batch.every((job) => job.stage === 'settled')) throw cancelled('The batch');
}
