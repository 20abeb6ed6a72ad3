/** The Prefix Lens's views in the inference process: how long they take, and how large their answers are. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPack } from '@clipcap/models/pack/openPack';
import { decode } from '@clipcap/server/inference/decode';
import type { LensContext } from '@clipcap/server/inference/lens/view';
import { Vocabulary } from '@clipcap/server/inference/lens/vocabulary';
import { computeView } from '@clipcap/server/inference/lens/views';
import { Model } from '@clipcap/server/inference/model';
import { largest } from '../../largestViews.js';
import { gaussian, writeRandomPack } from '../../randomPack.js';
import { fixture, root } from '../../root.js';
import { row } from '../full/table.js';

const runs = 15;
/** K = 40 rows, GPT-2's vocabulary and width. */
const [rows, vocabularySize, width] = [40, 50_257, 768];

export async function measureServer(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'clipcap-bench-'));
  try {
    await measureNearest(join(folder, 'vocabulary'));
    await measureViews();
    await measureMessages(join(folder, 'longest'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Milliseconds of each run but the first, which warms up. */
async function times(work: () => Promise<unknown>): Promise<number[]> {
  await work();
  const samples: number[] = [];
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    await work();
    samples.push(performance.now() - start);
  }
  return samples;
}

async function measureNearest(folder: string): Promise<void> {
  await writeRandomPack(folder, { vocabulary: vocabularySize, width, layers: 1, heads: 12, prefixLength: 2 });
  const vocabulary = await Vocabulary.create(await openPack(folder), 'cpu');
  try {
    const prefix = Float32Array.from({ length: rows * width }, gaussian(7));
    const samples = await times(() => vocabulary.nearest(prefix, 8));
    const label = `nearest tokens, four metrics, K = ${rows}, ${vocabularySize} × ${width}`;
    row(label, samples, 'ms', { atMost: 60 });
  } finally {
    await vocabulary.release();
  }
}

async function measureViews(): Promise<void> {
  const model = await Model.load(join(root, 'models', 'builtin'), 'cpu');
  try {
    const name = 'chelsea.jpg';
    const context = await contextOf(model, await decode(await readFile(fixture(`photos/${name}`)), name));
    const removals = await times(() => computeView('counterfactuals', context, {}));
    row('all removals, K = 10, built-in pack', removals, 'ms', { atMost: 400 });
    row('prefix table, built-in pack', await times(() => computeView('table', context, {})), 'ms');
    row('occlusion 7 × 7, built-in pack', await times(() => computeView('occlusion', context, {})), 'ms');
  } finally {
    await model.dispose();
  }
}

/** The largest answer of any view of a prefix of 80 positions. */
async function measureMessages(folder: string): Promise<void> {
  await writeRandomPack(folder, { prefixLength: 80, context: 120, maxTokens: 30 });
  const model = await Model.load(folder, 'cpu');
  try {
    const [size, channels] = [16, 3];
    const pixels = { width: size, height: size, data: new Uint8Array(size * size * channels).fill(90) };
    const context = await contextOf(model, pixels);
    const sizes: number[] = [];
    for (const [view, params] of largest) {
      sizes.push(Buffer.byteLength(JSON.stringify(await computeView(view, context, params))) / 1000);
    }
    row('largest message of any view, K = 80', [Math.max(...sizes)], 'KB', { atMost: 200 });
  } finally {
    await model.dispose();
  }
}

async function contextOf({ lens }: Model, pixels: Awaited<ReturnType<typeof decode>>): Promise<LensContext> {
  const image = await lens.encode('image', pixels);
  return {
    model: lens,
    image,
    uri: 'file:///1',
    label: '1',
    options: {},
    others: [{ uri: 'file:///2', label: '2', prefix: image.prefix }],
    reference: undefined,
    checkpoint: () => Promise.resolve(),
  };
}
