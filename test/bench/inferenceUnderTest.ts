/** The shipped inference process, driven directly so that its own time and memory can be read. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CancellationTokenSource,
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
} from 'vscode-jsonrpc/node';
import type { CaptionOptions, CaptionResult } from '@clipcap/protocol/caption';
import {
  captionGrown,
  captionImage,
  loadModel,
  priorities,
  runtimeInfo,
  type CaptionImageParams,
} from '@clipcap/protocol/inference';
import { childOptions } from '@clipcap/server/process/child';
import { readImage } from '@clipcap/server/process/readImage';
import { root } from '../root.js';

export const builtinPack = join(root, 'models', 'builtin');

export class InferenceUnderTest {
  readonly #child: ChildProcess;
  readonly #connection: MessageConnection;
  readonly #model: string;
  #progress = 0;

  /** @param model the folder of the pack that captions */
  constructor(model = builtinPack) {
    this.#model = model;
    this.#child = fork(join(root, 'dist', 'inference.mjs'), [], childOptions());
    this.#connection = createMessageConnection(new IPCMessageReader(this.#child), new IPCMessageWriter(this.#child));
    this.#connection.listen();
  }

  /** From the file's bytes on disk to text and nearest words. */
  async caption(path: string, options: CaptionOptions = {}): Promise<CaptionResult> {
    return this.#connection.sendRequest(captionImage, await this.#request(path, options));
  }

  /** Loads the model: the first thing that a process is asked for. */
  async load(): Promise<void> {
    await this.#connection.sendRequest(loadModel, { model: this.#model, provider: 'cpu' });
  }

  /**
   * Cancels a caption after its `steps` first decoder steps.
   * @returns how many steps it took, and the milliseconds until the next request was begun
   */
  async cancel(path: string, options: CaptionOptions, steps: number): Promise<{ steps: number; milliseconds: number }> {
    const source = new CancellationTokenSource();
    const progress = ++this.#progress;
    let grown = 0;
    let cancelled = 0;
    const watch = this.#connection.onProgress(captionGrown, progress, () => {
      if (++grown !== steps) return;
      cancelled = performance.now();
      source.cancel();
    });
    const request = { ...(await this.#request(path, options)), progress };
    await this.#connection.sendRequest(captionImage, request, source.token).catch(() => undefined);
    // It is answered when the run has left the model.
    await this.load();
    watch.dispose();
    return { steps: grown, milliseconds: performance.now() - cancelled };
  }

  async #request(path: string, options: CaptionOptions): Promise<CaptionImageParams> {
    const { bytes, sha256 } = await readImage(path);
    const { batch: priority } = priorities;
    return { model: this.#model, provider: 'cpu', bytes, name: path, sha256, priority, options };
  }

  /** The largest resident memory so far in megabytes (VmHWM), or undefined where the system does not tell. */
  async peakMemory(): Promise<number | undefined> {
    const status = await readFile(`/proc/${this.#child.pid}/status`, 'utf8').catch(() => '');
    const kilobytes = /^VmHWM:\s+(\d+) kB$/mu.exec(status)?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
  }

  /** The resident memory now, in megabytes. */
  async memory(): Promise<number> {
    return (await this.#connection.sendRequest(runtimeInfo)).memory / 2 ** 20;
  }

  async end(): Promise<void> {
    this.#connection.dispose();
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }
}
