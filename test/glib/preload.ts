/** Processes with the system's GLib in them from the start, as desktop VS Code's Electron loads it into ours. */
import { fork, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import {
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
} from 'vscode-jsonrpc/node';
import type { CaptionResult } from '@clipcap/protocol/caption';
import { captionImage, priorities } from '@clipcap/protocol/inference';
import { childOptions } from '@clipcap/server/process/child';
import { readImage } from '@clipcap/server/process/readImage';
import { root } from '../root.js';

export const libraries = ['libgobject-2.0.so.0', 'libgio-2.0.so.0'];

/** Where the dynamic linker finds the system's GLib; undefined if it does not. */
export function systemLibraries(): readonly string[] | undefined {
  const { error, stdout: cache } = spawnSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' });
  if (error) return undefined;
  const paths = libraries.map((name) =>
    cache
      .split('\n')
      .filter((line) => line.trim().startsWith(`${name} `) && (process.arch !== 'x64' || line.includes('x86-64')))
      .map((line) => line.slice(line.indexOf('=> ') + 3))
      .find((path) => existsSync(path)),
  );
  return paths.every((path) => path !== undefined) ? paths : undefined;
}

/** What GLib complains about, as it prints it: `(process:1): GLib-GObject-CRITICAL **: …`. */
export function glibMessages(output: string): readonly string[] {
  return output.split('\n').filter((line) => /GLib|GObject|Gio|-CRITICAL|-WARNING/u.test(line));
}

/** An environment in which `preloaded` is loaded before anything else, and GLib behaves as by default. */
export function preloadingEnvironment(preloaded: readonly string[]): NodeJS.ProcessEnv {
  const { G_DEBUG: _debug, G_MESSAGES_DEBUG: _messages, NODE_TEST_CONTEXT: _context, ...env } = childOptions().env;
  return { ...env, LD_PRELOAD: preloaded.join(':') };
}

/** The shipped inference process, the one that loads the image libraries and ONNX Runtime. */
export class PreloadedInference {
  readonly #child: ChildProcess;
  readonly #connection: MessageConnection;
  #output = '';

  constructor(preloaded: readonly string[]) {
    this.#child = fork(join(root, 'dist', 'inference.mjs'), [], {
      ...childOptions(),
      env: preloadingEnvironment(preloaded),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#output += text));
    }
    this.#connection = createMessageConnection(new IPCMessageReader(this.#child), new IPCMessageWriter(this.#child));
    this.#connection.listen();
  }

  async caption(path: string): Promise<CaptionResult> {
    const { bytes, sha256 } = await readImage(path);
    return this.#connection.sendRequest(captionImage, {
      model: join(root, 'models', 'builtin'),
      provider: 'cpu',
      bytes,
      name: path,
      sha256,
      priority: priorities.batch,
      options: {},
    });
  }

  /** The files that the process has in its memory. */
  async maps(): Promise<string> {
    return readFile(`/proc/${this.#child.pid}/maps`, 'utf8');
  }

  /** Ends the process; gives all that it printed. */
  async end(): Promise<string> {
    this.#connection.dispose();
    if (this.#child.exitCode === null) {
      const { stdout, stderr } = this.#child;
      const streams = [stdout, stderr].filter((stream) => stream !== null);
      const ended = [once(this.#child, 'exit'), ...streams.map((stream) => finished(stream))];
      this.#child.disconnect();
      await Promise.all(ended);
    }
    return this.#output;
  }
}
