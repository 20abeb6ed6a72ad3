/** What a running Node process holds in memory of what one of its scripts made, counted from outside. */
import assert from 'node:assert/strict';
import { WebSocket } from 'undici';

/** Where Node listens once it has got SIGUSR1. */
const inspector = 'http://127.0.0.1:9229/json/list';

/** The parts of a heap snapshot that are read; `nodes` and `locations` are flat, as `meta` says. */
interface Snapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[];
      readonly node_types: readonly [readonly string[], ...unknown[]];
      readonly location_fields: readonly string[];
    };
  };
  readonly nodes: readonly number[];
  readonly locations: readonly number[];
}

/**
 * Counts the living objects whose class or function a script defines: instances and closures. Garbage is collected before.
 *
 * @param pid a Node process; meanwhile no other one may be inspected on the usual port
 * @param script the end of its script's URL
 */
export async function countObjects(pid: number, script: string): Promise<number> {
  process.kill(pid, 'SIGUSR1');
  const session = await Session.open();
  try {
    assert.equal(await session.evaluate('process.pid'), pid, 'another process is being inspected');
    const scripts = new Set<unknown>();
    session.on('Debugger.scriptParsed', ({ url, scriptId }) => {
      if (String(url).endsWith(script)) scripts.add(Number(scriptId));
    });
    await session.send('Debugger.enable');
    await session.send('Debugger.disable');
    assert.notEqual(scripts.size, 0, `process ${pid} runs no ${script}`);
    const chunks: string[] = [];
    session.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => chunks.push(String(chunk)));
    await session.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- V8 wrote it
    return countIn(JSON.parse(chunks.join('')) as Snapshot, scripts);
  } finally {
    // Frees the port for the next process.
    await session.evaluate('setTimeout(() => process._debugEnd(), 0), 0');
    session.close();
  }
}

function countIn({ snapshot: { meta }, nodes, locations }: Snapshot, scripts: ReadonlySet<unknown>): number {
  const type = meta.node_fields.indexOf('type');
  const kinds = new Set(['object', 'closure'].map((kind) => meta.node_types[0].indexOf(kind)));
  const [node, id] = ['object_index', 'script_id'].map((field) => meta.location_fields.indexOf(field));
  assert.ok(node !== undefined && id !== undefined);
  let count = 0;
  for (let at = 0; at < locations.length; at += meta.location_fields.length) {
    const kind = nodes[(locations[at + node] ?? 0) + type];
    if (scripts.has(locations[at + id]) && kind !== undefined && kinds.has(kind)) count += 1;
  }
  return count;
}

type Params = Readonly<Record<string, unknown>>;

/** One conversation with a process's inspector. */
class Session {
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, (result: Params) => void>();
  readonly #listeners = new Map<string, (params: Params) => void>();
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Node speaks its own protocol
      const message = JSON.parse(String(data)) as { id?: number; method?: string; params?: Params; result?: Params };
      if (message.id !== undefined) this.#answers.get(message.id)?.(message.result ?? {});
      else if (message.method !== undefined) this.#listeners.get(message.method)?.(message.params ?? {});
    });
  }

  static async open(): Promise<Session> {
    for (;;) {
      const list: unknown = await fetch(inspector).then(
        (answer) => answer.json(),
        () => undefined,
      );
      const target: unknown = Array.isArray(list) ? list[0] : undefined;
      if (typeof target === 'object' && target !== null && 'webSocketDebuggerUrl' in target) {
        const socket = new WebSocket(String(target.webSocketDebuggerUrl));
        await new Promise((resolve, reject) => {
          socket.addEventListener('open', resolve);
          socket.addEventListener('error', reject);
        });
        return new Session(socket);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  on(method: string, listener: (params: Params) => void): void {
    this.#listeners.set(method, listener);
  }

  send(method: string, params: Params = {}): Promise<Params> {
    const id = ++this.#last;
    return new Promise((resolve) => {
      this.#answers.set(id, resolve);
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  async evaluate(expression: string): Promise<unknown> {
    const { result } = await this.send('Runtime.evaluate', { expression });
    return typeof result === 'object' && result !== null && 'value' in result ? result.value : undefined;
  }

  close(): void {
    this.#socket.close();
  }
}
