/** The peer in PyTorch (`peer.py`): one process that is told what to run, a line each, and measures itself. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../../root.js';

interface PeerRun {
  readonly milliseconds: number;
  /** Token ids of the best caption; empty if none was asked for. */
  readonly tokens: readonly number[];
}

export interface Peer {
  run(command: 'whole' | 'cached' | 'encode' | 'nearest', ...numbers: readonly number[]): Promise<PeerRun>;
  end(): Promise<void>;
}

/** Undefined without a Python that has torch, transformers, safetensors and numpy. */
export async function startPeer(python: string | undefined, pack: string, prefixes: string): Promise<Peer | undefined> {
  if (python === undefined) return undefined;
  const script = join(root, 'test', 'bench', 'full', 'peer.py');
  const child = spawn(python, [script, pack, prefixes], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.on('error', (error) => console.log(`The peer could not be started: ${error.message}`));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ready = await lines.next().catch(() => undefined);
  if (ready?.value !== 'ready') return undefined;
  return {
    async run(...words) {
      child.stdin.write(`${words.join(' ')}\n`);
      const line = await lines.next();
      if (line.done === true) throw new Error('the peer ended');
      const [milliseconds = NaN, ...tokens] = line.value.split(' ').map(Number);
      return { milliseconds, tokens };
    },
    async end() {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}
