/**
 * Inference on the provider that suits the machine. The first caption never waits for a trial: it runs on what is
 * already known, the CPU if nothing is, and the providers are tried afterwards in processes of their own.
 */
import { type CancellationToken, type Disposable, Emitter } from 'vscode-jsonrpc';
import type { CaptionResult, ErrorCode, ModelInfo } from '@clipcap/protocol/caption';
import { cancelled, CaptionError } from '@clipcap/protocol/error';
import type { ComputeLensParams, EncodedImage, ImageParams, PictureParams } from '@clipcap/protocol/inference';
import type { LensResult } from '@clipcap/protocol/lens';
import { isProvider, type Provider, type ProviderVerdict } from '@clipcap/protocol/provider';
import type { InferenceProcess } from './inferenceProcess.js';
import type { InferenceState } from './inferenceState.js';
import { automatic, type ProviderChoice } from './providerChoice.js';
import { Restarted } from './sharedRun.js';

type Inference = Pick<
  InferenceProcess,
  'state' | 'onState' | 'caption' | 'lens' | 'encode' | 'picture' | 'load' | 'start' | 'restart' | 'dispose'
>;

export interface ProvedInferenceOptions {
  readonly inference: Inference;
  readonly choice: ProviderChoice;
  /** Whether a provider that proves itself takes over at once; else it is for the next process. */
  readonly switches: boolean;
  readonly log: (level: 'info' | 'warn', message: string) => void;
  /** Ends trials. */
  readonly stop: AbortController;
}

/** Trials begin this long after a caption, so that one image on the command line starts none. */
const restMilliseconds = 500;
/** What a provider is blamed for if the CPU was not in use. */
const blamed = new Set<ErrorCode>(['inference-crashed', 'inference-failed', 'out-of-memory']);

export class ProvedInference implements Inference {
  readonly #options: ProvedInferenceOptions;
  readonly #states = new Emitter<InferenceState>();
  #verdicts: readonly ProviderVerdict[] = [];
  /** What `auto` meant last, by pack. */
  readonly #chosen = new Map<string, Provider>();
  /** Packs whose providers were tried, or are being tried, by this process. */
  #tried = new Set<string>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #trials: Promise<void> = Promise.resolve();
  /** The pack that was asked for last. */
  #latest: string | undefined;

  constructor(options: ProvedInferenceOptions) {
    this.#options = options;
    options.inference.onState(() => {
      this.#states.fire(this.state);
    });
  }

  get state(): InferenceState {
    const { state } = this.#options.inference;
    return state.state === 'ready' ? { ...state, providers: this.#verdicts } : state;
  }

  onState(listener: (state: InferenceState) => void): Disposable {
    return this.#states.event(listener);
  }

  /** As `InferenceProcess.caption`. @throws CaptionError `provider-unavailable` too */
  caption(...[params, token, ...rest]: Parameters<Inference['caption']>): Promise<CaptionResult> {
    return this.#trusting(params, params.name, token, (provider) =>
      this.#options.inference.caption({ ...params, provider }, token, ...rest),
    );
  }

  /** As `InferenceProcess.lens`, with the provider of captions. */
  lens(params: ComputeLensParams, token?: CancellationToken): Promise<LensResult> {
    return this.#trusting(params, params.image.name, token, (provider) =>
      this.#options.inference.lens({ ...params, provider }, token),
    );
  }

  /** As `InferenceProcess.encode`, with the provider of captions. */
  encode(params: ImageParams, token?: CancellationToken): Promise<EncodedImage> {
    return this.#trusting(params, params.image.name, token, (provider) =>
      this.#options.inference.encode({ ...params, provider }, token),
    );
  }

  /** As `InferenceProcess.picture`: no provider computes it, but the model of captions stays. */
  picture(params: PictureParams, token?: CancellationToken): Promise<Uint8Array> {
    return this.#trusting(params, params.image.name, token, (provider) =>
      this.#options.inference.picture({ ...params, provider }, token),
    );
  }

  /** Runs on the provider that is trusted; on the CPU if that fails and was not asked for by name. */
  async #trusting<Result>(
    { model, provider: asked }: { readonly model: string; readonly provider: string },
    name: string,
    token: CancellationToken | undefined,
    run: (provider: Provider) => Promise<Result>,
  ): Promise<Result> {
    const { choice, log } = this.#options;
    const provider = await this.#provider(model, asked, token);
    if (token?.isCancellationRequested === true) throw cancelled(name);
    try {
      const result = await run(provider);
      this.#tryLater(model, asked);
      return result;
    } catch (error) {
      // On what is trusted now: the one before may have hung.
      if (error instanceof Restarted) return await this.#trusting({ model, provider: asked }, name, token, run);
      const failed = asked === 'auto' && provider !== 'cpu' && error instanceof CaptionError && blamed.has(error.code);
      if (!failed) throw error;
      log('warn', `${provider} failed after it had been trusted; the CPU is asked. ${error.message}`);
      // What fails there, too, is not the provider's fault.
      const result = await run('cpu');
      await choice.distrust(model, provider, `it failed after it had been trusted (${error.message})`);
      this.#chosen.set(model, 'cpu');
      return result;
    }
  }

  async load(model: string, asked: string): Promise<ModelInfo> {
    const info = await this.#options.inference.load(model, await this.#provider(model, asked));
    this.#tryLater(model, asked);
    return info;
  }

  start(): void {
    this.#options.inference.start();
  }

  /** Also forgets what trials showed: drivers may have changed. What was asked for is asked for again, and loads the model. */
  async restart(): Promise<void> {
    this.#clearTimers();
    this.#tried = new Set();
    this.#chosen.clear();
    await this.#options.choice.forget();
    await this.#options.inference.restart();
  }

  async dispose(): Promise<void> {
    this.#clearTimers();
    this.#options.stop.abort();
    await this.#trials;
    await this.#options.inference.dispose();
    this.#states.dispose();
  }

  async #provider(model: string, asked: string, token?: CancellationToken): Promise<Provider> {
    const { choice, switches } = this.#options;
    this.#latest = model;
    if (asked !== 'auto') {
      const named = choice.named(model, asked);
      await (token ? Promise.race([named, cancellation(token)]) : named);
    }
    this.#verdicts = await choice.verdicts(model);
    if (isProvider(asked)) return asked;
    const provider = (switches ? undefined : this.#chosen.get(model)) ?? automatic(this.#verdicts);
    this.#chosen.set(model, provider);
    return provider;
  }

  #tryLater(model: string, asked: string): void {
    if (asked !== 'auto' || this.#tried.has(model) || this.#options.stop.signal.aborted) return;
    this.#tried.add(model);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#trials = this.#trials.then(() => this.#try(model));
    }, restMilliseconds);
    this.#timers.add(timer);
  }

  #clearTimers(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  async #try(model: string): Promise<void> {
    const { choice, inference, log, switches } = this.#options;
    const tried = this.#tried;
    try {
      const before = this.#chosen.get(model) ?? 'cpu';
      const provider = await choice.proveInOrder(model);
      // All was forgotten meanwhile, and what was found with it.
      if (tried !== this.#tried) return;
      this.#verdicts = await choice.verdicts(model);
      for (const { provider: name, reason } of this.#verdicts) {
        if (reason !== '') log('info', `${name} is not used: ${reason}`);
      }
      this.#states.fire(this.state);
      if (!switches || provider === before) return;
      log('info', `${provider} takes over from ${before}.`);
      // Another pack may be in use by now, and only one is in memory.
      if (model === this.#latest) await inference.load(model, provider);
    } catch (error) {
      if (this.#options.stop.signal.aborted) return;
      log('warn', `Execution providers were not tried. ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

function cancellation(token: CancellationToken): Promise<never> {
  return new Promise((_, reject) => {
    const cancel = (): void => reject(cancelled('The request'));
    if (token.isCancellationRequested) cancel();
    else token.onCancellationRequested(cancel);
  });
}
