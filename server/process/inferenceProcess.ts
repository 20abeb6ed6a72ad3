/**
 * The parent's side of inference: one child process, started when needed and kept alive. Requests wait here, by
 * priority, and only a few are with the child at a time, so that its death loses none of them.
 */
import { createHash } from 'node:crypto';
import { type CancellationToken, type Disposable, Emitter } from 'vscode-jsonrpc';
import { optionsKey, type CaptionResult, type ModelInfo } from '@clipcap/protocol/caption';
import { cancelled, CaptionError, fromResponseError } from '@clipcap/protocol/error';
import {
  captionGrown,
  captionImage,
  type CaptionImageParams,
  computeLens,
  type ComputeLensParams,
  encodeImage,
  type EncodedImage,
  type ImageParams,
  loadModel,
  type ModelState,
  pictureOfImage,
  type PictureParams,
  priorities,
  type Priority,
  prioritise,
  requestKey,
} from '@clipcap/protocol/inference';
import type { LensResult } from '@clipcap/protocol/lens';
import { Child } from './child.js';
import type { InferenceState } from './inferenceState.js';
import { RestartBudget } from './restartBudget.js';
import { RunQueue } from './runQueue.js';
import { Restarted, type Send, SharedRun } from './sharedRun.js';

type LogLevel = 'info' | 'warn' | 'error';

export interface InferenceProcessOptions {
  /** The inference process's script (`dist/inference.mjs`). */
  readonly entry: string;
  /** The process ends after this long without a request; its memory goes back to the machine. */
  readonly idleMilliseconds: number;
  readonly log: (level: LogLevel, message: string) => void;
}

const startAgain = 'In the editor, run “ClipCap: Restart Inference”; on the command line, run the command again.';
/** Timers cannot wait longer. */
const longestTimer = 2 ** 31 - 1;

/** Captions images in a child process. Every rejection is a `CaptionError`. */
export class InferenceProcess {
  readonly #options: InferenceProcessOptions;
  readonly #states = new Emitter<InferenceState>();
  #state: InferenceState = { state: 'idle' };
  #child: Child | undefined;
  #idle: NodeJS.Timeout | undefined;
  readonly #restarts = new RestartBudget();
  readonly #queue = new RunQueue();
  #nextProgress = 0;
  #lastModel: { model: string; provider: string } | undefined;
  #disposed = false;

  constructor(options: InferenceProcessOptions) {
    this.#options = options;
  }

  get state(): InferenceState {
    return this.#state;
  }

  /** Calls `listener` with every new state. */
  onState(listener: (state: InferenceState) => void): Disposable {
    return this.#states.event(listener);
  }

  /**
   * Captions one image. Requests for the same image, model and options that are waiting or running share one run.
   * Rejects with `cancelled` as soon as `token` is cancelled.
   * @param grown told, as it is decoded, the text that the caption has so far; it hears nothing of a run that is already
   * with the process for somebody who did not listen
   */
  async caption(
    params: Omit<CaptionImageParams, 'progress'>,
    token?: CancellationToken,
    grown?: (text: string) => void,
  ): Promise<CaptionResult> {
    const { model, provider, name } = params;
    this.#lastModel = { model, provider };
    const send: Send<CaptionResult> = async (connection, ended, priority, tell) => {
      if (!tell) return connection.sendRequest(captionImage, { ...params, priority }, ended);
      const progress = this.#nextProgress++;
      const listener = connection.onProgress(captionGrown, progress, tell);
      try {
        return await connection.sendRequest(captionImage, { ...params, priority, progress }, ended);
      } finally {
        listener.dispose();
      }
    };
    return this.#request(requestKey(params), name, params.priority, send, token, grown);
  }

  /** One view of the Prefix Lens. Equal requests share one run. */
  async lens(params: ComputeLensParams, token?: CancellationToken): Promise<LensResult> {
    const { model, provider, image, options, others, reference, ...asked } = params;
    this.#lastModel = { model, provider };
    const beside = [...others.map(({ uri, prefix }) => [uri, digest(prefix)]), reference && digest(reference.mean)];
    const key = JSON.stringify(['lens', model, provider, image.sha256, optionsKey(options), beside, asked]);
    const send: Send<LensResult> = (connection, ended) => connection.sendRequest(computeLens, params, ended);
    return this.#request(key, image.name, priorities.command, send, token);
  }

  /** The prefix of an image, for views that set images beside each other. */
  async encode(params: ImageParams, token?: CancellationToken): Promise<EncodedImage> {
    const { model, provider, image } = params;
    this.#lastModel = { model, provider };
    const key = JSON.stringify(['encode', model, provider, image.sha256]);
    const send: Send<EncodedImage> = (connection, ended) => connection.sendRequest(encodeImage, params, ended);
    return this.#request(key, image.name, priorities.command, send, token);
  }

  /** An image as a small JPEG. */
  async picture(params: PictureParams, token?: CancellationToken): Promise<Uint8Array> {
    const { model, provider, image, side } = params;
    this.#lastModel = { model, provider };
    const key = JSON.stringify(['picture', model, provider, image.sha256, side]);
    const send: Send<Uint8Array> = (connection, ended) => connection.sendRequest(pictureOfImage, params, ended);
    return this.#request(key, image.name, priorities.command, send, token);
  }

  /** Makes a pack resident, so that the next caption need not wait for it. */
  async load(model: string, provider: string): Promise<ModelInfo> {
    this.#lastModel = { model, provider };
    const send: Send<ModelInfo> = (connection, ended) => connection.sendRequest(loadModel, { model, provider }, ended);
    return this.#request(JSON.stringify([model, provider]), model, priorities.command, send);
  }

  /** Starts the process before there is a request, for those who know that one will come. */
  start(): void {
    if (this.#disposed || this.#isDown()) return;
    this.#child ??= this.#spawn();
  }

  /**
   * Ends the process and forgets past crashes. Requests are rejected with `Restarted` once it has ended: what hung in it
   * may hang again, unless it is asked in another way.
   */
  async restart(): Promise<void> {
    this.#restarts.reset();
    const child = this.#release();
    const runs = this.#queue.takeAll();
    this.#setState({ state: 'idle' });
    await child?.end();
    for (const run of runs) run.reject(this.#disposed ? cancelled(run.name) : new Restarted(run.name));
  }

  /** Ends the process; waiting requests are rejected with `cancelled`. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    const child = this.#release();
    for (const run of this.#queue.takeAll()) run.reject(cancelled(run.name));
    await child?.end();
    this.#states.dispose();
  }

  async #request<Result>(
    key: string,
    name: string,
    priority: Priority,
    send: Send<Result>,
    token?: CancellationToken,
    grown?: (text: string) => void,
  ): Promise<Result> {
    if (this.#disposed || token?.isCancellationRequested === true) throw cancelled(name);
    if (this.#isDown()) throw this.#downError();
    let run = this.#queue.find(key);
    if (run) {
      if (priority < run.priority) this.#raise(run, priority);
    } else {
      run = new SharedRun(key, name, priority, send, (abandoned) => this.#forget(abandoned));
      this.#queue.add(run);
    }
    const answer = run.wait(token, grown);
    this.#pump();
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- equal keys are requests of one kind
    return answer as Promise<Result>;
  }

  /** An urgent request has joined one that is less so. */
  #raise(run: SharedRun, priority: Priority): void {
    run.priority = priority;
    if (!this.#queue.isSent(run)) return;
    // A child that is gone runs nothing first; the next one is told by the request itself.
    this.#child?.connection.sendNotification(prioritise, { key: run.key, priority }).catch(() => undefined);
  }

  /** Sends what may be sent. */
  #pump(): void {
    clearTimeout(this.#idle);
    if (this.#queue.isEmpty) {
      this.#waitIdle();
      return;
    }
    for (let next = this.#queue.send(); next; next = this.#queue.send()) {
      this.#child ??= this.#spawn();
      void this.#run(next, this.#child);
    }
  }

  async #run(run: SharedRun, child: Child): Promise<void> {
    let settle: () => void;
    try {
      const value = await run.send(child.connection, run.token, run.priority, run.tell);
      this.#restarts.answered();
      settle = () => run.resolve(value);
    } catch (error) {
      settle = () => run.reject(fromResponseError(error));
    }
    // A dead child's requests are taken care of when its end is noticed.
    if (this.#child !== child || !child.alive) return;
    this.#queue.remove(run);
    settle();
    this.#pump();
  }

  /** Nobody waits for this run any more; the child was told by its token. */
  #forget(run: SharedRun): void {
    this.#queue.remove(run);
    this.#pump();
  }

  #spawn(): Child {
    const { entry, log } = this.#options;
    const child: Child = new Child(entry, {
      log,
      modelState: (state) => {
        if (this.#child === child) this.#setState(fromModelState(state));
      },
      ended: (reason) => {
        if (this.#child === child) this.#crashed(child, reason);
      },
    });
    this.#setState({ state: 'loading', model: this.#lastModel?.model ?? '' });
    return child;
  }

  /** The process died by itself: run again what was with it, unless that has happened too often. */
  #crashed(child: Child, reason: string): void {
    this.#child = undefined;
    const suspects = this.#queue.takeSent();
    if (child.heard) for (const run of suspects) run.crashes++;
    const guilty = suspects.filter((run) => run.crashes > 1);
    const again = suspects.filter((run) => run.crashes < 2);
    for (const run of again) this.#queue.add(run);
    for (const run of guilty) run.reject(crashError(run, reason));
    this.#setState({ state: 'idle' });
    if (this.#queue.isEmpty) {
      this.#options.log('warn', `The inference process ended unexpectedly (${reason}).`);
      return;
    }
    if (!this.#mayRestart(guilty, again)) {
      this.#goDown(reason);
      return;
    }
    this.#options.log('warn', `The inference process ended unexpectedly (${reason}); it is started again.`);
    this.#pump();
  }

  /** A crash that one image explains costs nothing: a few bad images must not take the others down. */
  #mayRestart([guilty]: readonly SharedRun[], suspects: readonly SharedRun[]): boolean {
    if (guilty) return this.#restarts.explain(guilty.restart);
    const restart = this.#restarts.spend();
    for (const run of suspects) run.restart = restart;
    return restart !== undefined;
  }

  #goDown(reason: string): void {
    const message = `The inference process died too often (${reason}). ${startAgain}`;
    this.#options.log('error', message);
    this.#setState({ state: 'failed', code: 'inference-down', reason: message });
    for (const run of this.#queue.takeAll()) run.reject(this.#downError());
  }

  #isDown(): boolean {
    return this.#state.state === 'failed' && this.#state.code === 'inference-down';
  }

  #downError(): CaptionError {
    const reason = this.#state.state === 'failed' ? this.#state.reason : `The inference process is down. ${startAgain}`;
    return new CaptionError('inference-down', reason);
  }

  #waitIdle(): void {
    const { idleMilliseconds } = this.#options;
    if (!this.#child || idleMilliseconds > longestTimer) return;
    this.#idle = setTimeout(() => {
      const child = this.#release();
      this.#setState({ state: 'idle' });
      void child?.end();
    }, idleMilliseconds);
    this.#idle.unref();
  }

  /** Lets go of the child, so that its end is no crash. */
  #release(): Child | undefined {
    clearTimeout(this.#idle);
    const child = this.#child;
    this.#child = undefined;
    return child;
  }

  #setState(state: InferenceState): void {
    this.#state = state;
    if (!this.#disposed) this.#states.fire(state);
  }
}

/** Equal for equal values. */
function digest(values: Float32Array): string {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return createHash('sha256').update(bytes).digest('hex');
}

function fromModelState(state: ModelState): InferenceState {
  return state.state === 'failed' ? { state: 'failed', code: state.code, reason: state.message } : state;
}

function crashError(run: SharedRun, reason: string): CaptionError {
  return new CaptionError(
    'inference-crashed',
    `The inference process died twice while it worked on ${run.name} (${reason}). Leave this image out, or convert it.`,
  );
}
