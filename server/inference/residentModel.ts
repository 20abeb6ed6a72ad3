/** The one model in memory: loaded when asked for, and swapped for another only after what runs on it has ended. */
import type { ErrorCode, ModelInfo } from '@clipcap/protocol/caption';
import { CaptionError } from '@clipcap/protocol/error';
import type { ModelState } from '@clipcap/protocol/inference';

export interface ModelIdentity {
  /** The pack's folder. */
  readonly model: string;
  readonly provider: string;
}

interface Loadable {
  readonly info: ModelInfo;
  readonly title: string;
  dispose(): Promise<void>;
}

export class ResidentModel<Model extends Loadable> {
  readonly #load: (folder: string, provider: string) => Promise<Model>;
  readonly #changed: (state: ModelState) => void;
  #current: (ModelIdentity & { readonly value: Model }) | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** `changed` is told of every step: loading, ready, failed. */
  constructor(load: (folder: string, provider: string) => Promise<Model>, changed: (state: ModelState) => void) {
    this.#load = load;
    this.#changed = changed;
  }

  /** The model, if it is resident. */
  get({ model, provider }: ModelIdentity): Model | undefined {
    return this.#current?.model === model && this.#current.provider === provider ? this.#current.value : undefined;
  }

  /** Loads the model unless it is resident, and runs `work` on it; no other model is loaded meanwhile. */
  use<Result>(wanted: ModelIdentity, work: (model: Model) => Promise<Result>): Promise<Result> {
    const result = this.#last.then(async () => work(this.get(wanted) ?? (await this.#swap(wanted))));
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #swap({ model, provider }: ModelIdentity): Promise<Model> {
    this.#changed({ state: 'loading', model });
    try {
      const previous = this.#current;
      this.#current = undefined;
      await previous?.value.dispose();
      const value = await this.#load(model, provider);
      this.#current = { model, provider, value };
      this.#changed({ state: 'ready', model: value.info, title: value.title });
      return value;
    } catch (error) {
      const { code, message } = loadingError(error, model);
      this.#changed({ state: 'failed', model, code, message });
      throw error;
    }
  }
}

function loadingError(error: unknown, model: string): { code: ErrorCode; message: string } {
  if (error instanceof CaptionError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  const remedy = 'Try again; report it if it stays.';
  return { code: 'inference-failed', message: `The model in ${model} could not be loaded (${reason}). ${remedy}` };
}
