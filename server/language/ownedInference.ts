/** The one inference process of a language server, from its first use to the server's end. */
import type { Disposable } from 'vscode-jsonrpc';
import type { InferenceState } from '../process/inferenceState.js';
import type { Inference } from './captions.js';

interface Owned {
  readonly inference: Inference;
  readonly idleMilliseconds: number;
  readonly listener: Disposable;
}

export class OwnedInference {
  readonly #create: (idleMilliseconds: number) => Inference;
  readonly #changed: () => void;
  #owned: Owned | undefined;

  constructor(create: (idleMilliseconds: number) => Inference, changed: () => void) {
    this.#create = create;
    this.#changed = changed;
  }

  get state(): InferenceState {
    return this.#owned?.inference.state ?? { state: 'idle' };
  }

  /** The process's parent. A new idle time counts as soon as nothing runs, so that no request is lost to it. */
  get(idleMilliseconds: number): Inference {
    if (this.#owned && this.#owned.idleMilliseconds !== idleMilliseconds && this.state.state === 'idle') {
      void this.#release();
    }
    this.#owned ??= this.#adopt(idleMilliseconds);
    return this.#owned.inference;
  }

  /** Ends the process and starts anew. */
  async restart(idleMilliseconds: number): Promise<void> {
    if (this.#owned?.idleMilliseconds === idleMilliseconds) await this.#owned.inference.restart();
    else await this.#release();
  }

  dispose(): Promise<void> {
    return this.#release();
  }

  #adopt(idleMilliseconds: number): Owned {
    const inference = this.#create(idleMilliseconds);
    return { inference, idleMilliseconds, listener: inference.onState(this.#changed) };
  }

  async #release(): Promise<void> {
    const owned = this.#owned;
    this.#owned = undefined;
    owned?.listener.dispose();
    await owned?.inference.dispose();
  }
}
