/** One request to the inference process and everyone who waits for its answer: equal requests share one run. */
import { CancellationTokenSource, type CancellationToken, type MessageConnection } from 'vscode-jsonrpc';
import { cancelled, CaptionError } from '@clipcap/protocol/error';
import type { Priority } from '@clipcap/protocol/inference';

interface Waiter {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: CaptionError) => void;
  readonly grown: ((text: string) => void) | undefined;
}

/**
 * Sends the request over a connection, as urgent as it is by then; the token ends it. `tell`, if anyone listens, wants to
 * hear how it comes along.
 */
export type Send<Result = unknown> = (
  connection: MessageConnection,
  token: CancellationToken,
  priority: Priority,
  tell: ((text: string) => void) | undefined,
) => Promise<Result>;

export class SharedRun {
  readonly key: string;
  /** What messages call the request: a file's or a pack's name. */
  readonly name: string;
  readonly send: Send;
  /** The most urgent of those who wait; a lower number runs first. */
  priority: Priority;
  /** How often the inference process died while this was with it. */
  crashes = 0;
  /** The restart that its first crash cost. */
  restart: number | undefined;
  readonly #waiters = new Set<Waiter>();
  readonly #source = new CancellationTokenSource();
  readonly #abandoned: (run: SharedRun) => void;

  /** `abandoned` is told when the last waiter has left. */
  constructor(key: string, name: string, priority: Priority, send: Send, abandoned: (run: SharedRun) => void) {
    this.key = key;
    this.name = name;
    this.priority = priority;
    this.send = send;
    this.#abandoned = abandoned;
  }

  /** Cancelled when nobody waits any more. */
  get token(): CancellationToken {
    return this.#source.token;
  }

  /** Tells everyone who listens how the run comes along; undefined if nobody does. */
  get tell(): ((text: string) => void) | undefined {
    if (![...this.#waiters].some(({ grown }) => grown)) return undefined;
    return (text) => {
      for (const { grown } of this.#waiters) grown?.(text);
    };
  }

  /** Waits for the answer; rejects with `cancelled` as soon as the token is cancelled. */
  wait(token: CancellationToken | undefined, grown?: (text: string) => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        grown,
        resolve: (value) => {
          cancellation?.dispose();
          resolve(value);
        },
        reject: (error) => {
          cancellation?.dispose();
          reject(error);
        },
      };
      this.#waiters.add(waiter);
      const cancellation = token?.onCancellationRequested(() => this.#leave(waiter));
    });
  }

  resolve(value: unknown): void {
    for (const waiter of this.#take()) waiter.resolve(value);
  }

  reject(error: CaptionError): void {
    for (const waiter of this.#take()) waiter.reject(error);
  }

  #take(): readonly Waiter[] {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    return waiters;
  }

  #leave(waiter: Waiter): void {
    if (!this.#waiters.delete(waiter)) return;
    waiter.reject(cancelled(this.name));
    if (this.#waiters.size > 0) return;
    this.#source.cancel();
    this.#abandoned(this);
  }
}

/** Whoever waits may ask again: the answer was lost with a process that was restarted. */
export class Restarted extends CaptionError {
  constructor(name: string) {
    super('cancelled', `${name} was cancelled by a restart of the inference process. Ask for it again.`);
  }
}
