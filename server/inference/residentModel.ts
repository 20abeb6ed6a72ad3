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

/**
 * Lets others run that wait for the model and are as urgent or more; resolves when it is this one's turn again. Rejects
 * with `ModelReplaced`, unless it makes way for those only that want the same model.
 */
export type Pause = (only?: 'same model') => Promise<void>;

/** Of what is asked for by hand and takes long: after captions that are asked for by hand, before a folder's. */
const ofViews = 1.5;

interface Waiting {
  readonly wanted: ModelIdentity;
  readonly urgency: number;
  readonly proceed: () => void;
}

/** Another model was loaded while work on this one paused. */
export class ModelReplaced extends Error {
  override readonly name = 'ModelReplaced';
}

export class ResidentModel<Model extends Loadable> {
  readonly #load: (folder: string, provider: string) => Promise<Model>;
  readonly #changed: (state: ModelState) => void;
  #current: (ModelIdentity & { readonly value: Model }) | undefined;
  /** Who waits for the model, in order; the one whose turn it is has left the line. */
  #line: Waiting[] = [];
  #busy = false;

  /** `changed` is told of every step: loading, ready, failed. */
  constructor(load: (folder: string, provider: string) => Promise<Model>, changed: (state: ModelState) => void) {
    this.#load = load;
    this.#changed = changed;
  }

  /** The model, if it is resident. */
  get({ model, provider }: ModelIdentity): Model | undefined {
    return this.#current?.model === model && this.#current.provider === provider ? this.#current.value : undefined;
  }

  /**
   * Loads the model unless it is resident, and runs `work` on it; no other model is loaded meanwhile, unless the work
   * pauses.
   * @param urgency less is more urgent: the request's priority, or between those of captions
   */
  async use<Result>(
    wanted: ModelIdentity,
    work: (model: Model, pause: Pause) => Promise<Result>,
    urgency = ofViews,
  ): Promise<Result> {
    await this.#enter(wanted, urgency);
    try {
      const model = this.get(wanted) ?? (await this.#swap(wanted));
      return await work(model, async (only) => {
        const [first] = this.#line;
        if (!first || first.urgency > urgency || (only && this.get(first.wanted) !== model)) return;
        // Those that wait already and are as urgent are ahead of who comes back.
        this.#leave();
        await this.#enter(wanted, urgency);
        if (this.get(wanted) !== model) throw new ModelReplaced('Another model was loaded.');
      });
    } finally {
      this.#leave();
    }
  }

  async #enter(wanted: ModelIdentity, urgency: number): Promise<void> {
    if (this.#busy) {
      await new Promise<void>((proceed) => {
        // The sort is stable: who is as urgent keeps the order in which they came.
        this.#line = [...this.#line, { wanted, urgency, proceed }].sort((a, b) => a.urgency - b.urgency);
      });
    }
    this.#busy = true;
  }

  /** The next in line has its turn without anyone who comes just now getting ahead of it. */
  #leave(): void {
    const next = this.#line.shift();
    if (next) next.proceed();
    else this.#busy = false;
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
