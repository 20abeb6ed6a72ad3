/** The parent's side of inference: one child process, started when needed and kept alive. */
import type { CancellationToken, Disposable } from 'vscode-jsonrpc';
import type { CaptionResult, ModelInfo } from '@clipcap/protocol/caption';
import type { CaptionImageParams } from '@clipcap/protocol/inference';
import type { InferenceState } from './inferenceState.js';

export type LogLevel = 'info' | 'warn' | 'error';

export interface InferenceProcessOptions {
  /** The inference process's script (`dist/inference.mjs`). */
  readonly entry: string;
  /** The process ends after this long without a request; its memory goes back to the machine. */
  readonly idleMilliseconds: number;
  readonly log: (level: LogLevel, message: string) => void;
}

/** Captions images in a child process. Every rejection is a `CaptionError`. */
export class InferenceProcess {
  constructor(options: InferenceProcessOptions) {
    void options;
  }

  get state(): InferenceState {
    return { state: 'idle' };
  }

  /** Calls `listener` with every new state. */
  onState(listener: (state: InferenceState) => void): Disposable {
    void listener;
    throw new Error('not written yet');
  }

  /**
   * Captions one image. Requests for the same image, model and options that are waiting or running share one run.
   * Rejects with `cancelled` as soon as `token` is cancelled.
   */
  caption(params: CaptionImageParams, token?: CancellationToken): Promise<CaptionResult> {
    void params;
    void token;
    throw new Error('not written yet');
  }

  /** Makes a pack resident, so that the next caption need not wait for it. */
  load(model: string, provider: string): Promise<ModelInfo> {
    void model;
    void provider;
    throw new Error('not written yet');
  }

  /** Ends the process, forgets past crashes and starts anew; waiting requests are run by the new process. */
  restart(): Promise<void> {
    throw new Error('not written yet');
  }

  /** Ends the process; waiting requests are rejected with `cancelled`. */
  dispose(): Promise<void> {
    throw new Error('not written yet');
  }
}
