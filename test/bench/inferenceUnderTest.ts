/** The shipped inference process, driven directly so that its own time and memory can be read. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
} from 'vscode-jsonrpc/node';
import type { CaptionOptions, CaptionResult } from '@clipcap/protocol/caption';
import { captionImage, priorities, runtimeInfo } from '@clipcap/protocol/inference';
import { childEnvironment } from '@clipcap/server/process/child';
import { readImage } from '@clipcap/server/process/readImage';
import { root } from '../root.js';

export const builtinPack = join(root, 'models', 'builtin');

export class InferenceUnderTest {
  readonly #child: ChildProcess;
  readonly #connection: MessageConnection;

  constructor() {
    this.#child = fork(join(root, 'dist', 'inference.mjs'), [], {
      serialization: 'advanced',
      execArgv: [],
      env: childEnvironment(),
    });
    this.#connection = createMessageConnection(new IPCMessageReader(this.#child), new IPCMessageWriter(this.#child));
    this.#connection.listen();
  }

  /** From the file's bytes on disk to text and nearest words. */
  async caption(path: string, options: CaptionOptions = {}): Promise<CaptionResult> {
    const { bytes, sha256 } = await readImage(path);
    return this.#connection.sendRequest(captionImage, {
      model: builtinPack,
      provider: 'cpu',
      bytes,
      name: path,
      sha256,
      priority: priorities.batch,
      options,
    });
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
