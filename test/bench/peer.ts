/** The same weights in PyTorch (`peer.py`), by turns with ours: the host's speed drifts, a ratio of one run does not. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../root.js';
import { builtinPack, InferenceUnderTest } from './inferenceUnderTest.js';
import { figure, type Figure } from './statistics.js';

const rounds = 5;

/** Prints the peer's row and the ratio; without a Python that has PyTorch, says that they were not run. */
export async function comparePeer(
  python: string | undefined,
  photos: readonly string[],
  decoding: { readonly strategy: 'beam'; readonly beams: number },
  row: (name: string, value: Figure, unit: string, goal: string) => void,
): Promise<void> {
  const peer = python === undefined ? undefined : await startPeer(python, decoding.beams);
  if (peer === undefined) {
    console.log('PyTorch, the same weights: not run (give --peer PYTHON, one that has torch, pillow and safetensors)');
    return;
  }
  const ours = new InferenceUnderTest();
  for (const photo of photos) {
    await ours.caption(photo, decoding);
    await peer.caption(photo);
  }
  const times: { ours: number; theirs: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const photo of photos) {
      const start = performance.now();
      await ours.caption(photo, decoding);
      const middle = performance.now();
      await peer.caption(photo);
      times.push({ ours: middle - start, theirs: performance.now() - middle });
    }
  }
  await ours.end();
  await peer.end();
  row(`ours beside it, beam ${decoding.beams}`, figure(times.map((pair) => pair.ours)), 'ms', '');
  row(`PyTorch, the same weights, beam ${decoding.beams}`, figure(times.map((pair) => pair.theirs)), 'ms', '');
  row(
    'PyTorch’s time / ours, pair by pair',
    figure(times.map((pair) => pair.theirs / pair.ours)),
    '×',
    '≥ 1.5, better 2',
  );
}

interface Peer {
  caption(photo: string): Promise<string>;
  end(): Promise<void>;
}

/** Starts the peer; it answers one line (the caption) for each line (a path). */
async function startPeer(python: string, beams: number): Promise<Peer | undefined> {
  const child = spawn(python, [join(root, 'test', 'bench', 'peer.py'), builtinPack, String(beams)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  // A path that starts nothing: its output ends without a line.
  child.on('error', (error) => console.log(`The peer could not be started: ${error.message}`));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ready = await lines.next().catch(() => undefined);
  if (ready?.value !== 'ready') return undefined;
  return {
    async caption(photo) {
      child.stdin.write(`${photo}\n`);
      const line = await lines.next();
      if (line.done === true) throw new Error('the peer ended');
      return line.value;
    },
    async end() {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}
