/** One life of the inference process: fork, connection, what it prints, and its end. */
import { fork, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { createMessageConnection, type MessageConnection } from 'vscode-jsonrpc';
import { IPCMessageReader, IPCMessageWriter } from 'vscode-jsonrpc/node';
import { modelState, type ModelState } from '@clipcap/protocol/inference';

export interface ChildEvents {
  readonly log: (level: 'info' | 'warn' | 'error', message: string) => void;
  readonly modelState: (state: ModelState) => void;
  /** Called once. `reason` says how the process ended and, if it said so, why. */
  readonly ended: (reason: string) => void;
}

/** How long a process may take to follow a request to end. */
const graceMilliseconds = 1000;
const keptLines = 20;

/**
 * V8's collector, in megabytes. Pixels, logits, keys and values lie outside of its heap but count towards its limit, which
 * it sets close to the 12 MB inside: it looked through the whole heap after every other photo, and after every sixth step
 * of GPT-2 small with five beams. With room, and a new space so small that it is collected after each photo (0.4 ms) and
 * stays in a core's cache, they die young. By turns, captions of the built-in model take 0.88 of the time, five beams of
 * GPT-2 small in q8 0.84 (2 cores).
 */
const collector = ['--initial-old-space-size=128', '--max-semi-space-size=1'];

/** How `fork` starts an inference process. */
interface ChildOptions {
  readonly serialization: 'advanced';
  readonly execArgv: string[];
  readonly env: NodeJS.ProcessEnv;
}

/** How every inference process is started: the form of its messages, its collector and its environment. */
export function childOptions(): ChildOptions {
  return {
    serialization: 'advanced',
    execArgv: collector,
    // One malloc arena instead of one for each of some twenty threads: 200 photos peak at 318 MB instead of 413.
    env: { MALLOC_ARENA_MAX: '1', ...process.env, ELECTRON_RUN_AS_NODE: '1' },
  };
}

export class Child {
  readonly connection: MessageConnection;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  readonly #lastLines: string[] = [];
  #heard = false;
  #alive = true;

  constructor(entry: string, events: ChildEvents) {
    this.#process = fork(entry, [], {
      ...childOptions(),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => this.#keep(line, events));
    }
    this.#ended = new Promise((resolve) => {
      let over = false;
      const end = (reason: string): void => {
        if (over) return;
        over = true;
        this.#alive = false;
        resolve();
        this.connection.dispose();
        const said = this.#lastLines.findLast((line) => /error/iu.test(line)) ?? this.#lastLines.at(-1);
        events.ended(said === undefined ? reason : `${reason}: ${said.trim()}`);
      };
      this.#process.once('error', (error) => end(error.message));
      // `close` rather than `exit`: what it printed last has been read by then.
      this.#process.once('close', (code, signal) => end(signal ?? `exit code ${code}`));
    });
    this.connection = createMessageConnection(new IPCMessageReader(this.#process), new IPCMessageWriter(this.#process));
    this.connection.onNotification(modelState, (state) => {
      this.#heard = true;
      events.modelState(state);
    });
    // A broken channel shows as the process's end.
    this.connection.onError(() => undefined);
    this.#process.once('disconnect', () => {
      this.#alive = false;
      this.#process.kill('SIGKILL');
    });
    this.connection.listen();
  }

  /** False as soon as the process can no longer answer. */
  get alive(): boolean {
    return this.#alive && this.#process.connected;
  }

  /** Whether the process came far enough to work on a request. */
  get heard(): boolean {
    return this.#heard;
  }

  /** Ends the process. It keeps nothing that would need saving. */
  async end(): Promise<void> {
    this.#process.kill();
    const force = setTimeout(() => this.#process.kill('SIGKILL'), graceMilliseconds);
    await this.#ended;
    clearTimeout(force);
  }

  #keep(line: string, events: ChildEvents): void {
    events.log('info', line);
    this.#lastLines.push(line);
    if (this.#lastLines.length > keptLines) this.#lastLines.shift();
  }
}
