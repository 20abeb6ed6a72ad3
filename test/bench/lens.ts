/**
 * `node test/out/bench/lens.js`: the Prefix Lens's speed: every removal at once on the built-in pack, and the nearest
 * tokens in four metrics over a vocabulary of GPT-2's size, each beside its goal.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPack } from '@clipcap/models/pack/openPack';
import { decode } from '@clipcap/server/inference/decode';
import { Vocabulary } from '@clipcap/server/inference/lens/vocabulary';
import { computeView } from '@clipcap/server/inference/lens/views';
import { Model } from '@clipcap/server/inference/model';
import { gaussian, writeRandomPack } from '../randomPack.js';
import { fixture, root } from '../root.js';

const runs = 15;
/** K = 40 rows, GPT-2's vocabulary and width. */
const [rows, vocabularySize, width] = [40, 50_257, 768];

async function row(label: string, goal: string, work: () => Promise<unknown>): Promise<void> {
  await work();
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const [median, slowest] = [times[Math.floor(runs / 2)]!, times.at(-1)!];
  console.log(`${label.padEnd(56)} ${median.toFixed(0)} ms (slowest ${slowest.toFixed(0)}), goal ${goal}`);
}

async function views(): Promise<void> {
  const model = await Model.load(join(root, 'models', 'builtin'), 'cpu');
  try {
    const name = 'chelsea.jpg';
    const image = await model.lens.encode(name, await decode(await readFile(fixture(`photos/${name}`)), name));
    const context = {
      model: model.lens,
      image,
      uri: `file:///${name}`,
      label: name,
      options: {},
      others: [],
      reference: undefined,
      checkpoint: () => Promise.resolve(),
    };
    await row('all removals, K = 10, built-in pack', '≤ 400 ms', () => computeView('counterfactuals', context, {}));
    await row('prefix table, built-in pack', 'none', () => computeView('table', context, {}));
    await row('occlusion 7 × 7, built-in pack', 'none', () => computeView('occlusion', context, {}));
  } finally {
    await model.dispose();
  }
}

async function nearestTokens(folder: string): Promise<void> {
  const options = { vocabulary: vocabularySize, width, layers: 1, heads: 12, prefixLength: 2 };
  await writeRandomPack(folder, options);
  const vocabulary = await Vocabulary.create(await openPack(folder), 'cpu');
  try {
    const prefix = Float32Array.from({ length: rows * width }, gaussian(7));
    await row(`nearest tokens, four metrics, K = ${rows} over ${vocabularySize} × ${width}`, '≤ 60 ms', () =>
      vocabulary.nearest(prefix, 8),
    );
  } finally {
    await vocabulary.release();
  }
}

const folder = await mkdtemp(join(tmpdir(), 'clipcap-bench-'));
try {
  await views();
  await nearestTokens(join(folder, 'pack'));
} finally {
  await rm(folder, { recursive: true, force: true });
}
