/** The Prefix Lens's views on packs of every kind; what trained numbers they show is compared in test/parity/lens.test.ts. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { PackManifest } from '@clipcap/models/pack/manifest';
import { CaptionError } from '@clipcap/protocol/error';
import { lensViews, type LensView, type LensViews } from '@clipcap/protocol/lens';
import type { Encoding } from '@clipcap/server/inference/lens/lensModel';
import type { LensContext } from '@clipcap/server/inference/lens/view';
import { computeView } from '@clipcap/server/inference/lens/views';
import { Model } from '@clipcap/server/inference/model';
import type { Pixels } from '@clipcap/server/inference/resample';
import { readJson } from '../json.js';
import { largest } from '../largestViews.js';
import { readTensors } from '../readTensors.js';
import { describeFiles, gaussian, smallImages, writeRandomPack, type RandomPackOptions } from '../randomPack.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { writeSafetensors } from '../writeSafetensors.js';

const noCheck = (): Promise<void> => Promise.resolve();

/** Noise around a colour of its own for every seed, wider than high. */
function picture(seed: number): Pixels {
  const random = gaussian(seed);
  const [width, height] = [40, 20];
  const colour = [random(), random(), random()].map((value) => 128 + 60 * value);
  return {
    width,
    height,
    data: Uint8Array.from({ length: width * height * 3 }, (_, i) =>
      Math.min(255, Math.max(0, colour[i % 3]! + 10 * random())),
    ),
  };
}

interface Setting extends LensContext {
  readonly encode: (seed: number) => Promise<Encoding>;
}

async function opened(
  t: TestContext,
  options: RandomPackOptions = {},
  edit?: (folder: string) => Promise<void>,
): Promise<Setting> {
  const { folder } = await writeRandomPack(await temporaryFolder(t), options);
  await edit?.(folder);
  const model = await Model.load(folder, 'cpu');
  t.after(() => model.dispose());
  const encode = (seed: number): Promise<Encoding> => model.lens.encode(String(seed), picture(seed));
  return {
    encode,
    model: model.lens,
    image: await encode(1),
    uri: 'file:///1',
    label: '1',
    options: {},
    others: [],
    reference: undefined,
    checkpoint: noCheck,
  };
}

function compute<View extends LensView>(
  context: LensContext,
  view: View,
  params: LensViews[View]['params'],
): Promise<LensViews[View]['data']> {
  return computeView(view, context, params);
}

async function withOthers(context: Setting, count: number): Promise<Setting> {
  const others = [];
  for (let seed = 2; seed < count + 2; seed++) {
    others.push({ uri: `file:///${seed}`, label: String(seed), prefix: (await context.encode(seed)).prefix });
  }
  return { ...context, others };
}

/** Of any two points. */
function farthest(points: readonly { x: number; y: number }[]): number {
  return Math.max(...points.flatMap((a) => points.map((b) => Math.hypot(a.x - b.x, a.y - b.y))));
}

const refused = (code: string, message: RegExp) => ({ code, message });

for (const prefixLength of [1, 80]) {
  test(`a prefix of ${prefixLength} positions is shown by every view, in at most 200 KB`, async (t) => {
    const context = await withOthers(await opened(t, { prefixLength, context: 120, maxTokens: 30 }), 1);
    for (const [view, params] of largest) {
      const data = await computeView(view, context, params);
      const bytes = JSON.stringify(data).length;
      assert.ok(bytes <= 200_000, `${view}: ${bytes} bytes`);
    }
  });
}

test('a caption that ends after the model’s last position is shown by every view of captions', async (t) => {
  const setting = await opened(t, { context: 9 });
  const context = await withOthers({ ...setting, options: { strategy: 'greedy', maxTokens: 67, minTokens: 67 } }, 1);
  const { tokens } = await compute(context, 'tokens', {});
  assert.equal(tokens.length, 7);
  const { columns } = await compute(context, 'lens', {});
  assert.equal(columns.length, 9);
  assert.equal(columns.at(-1)!.text, tokens[5]!.text);
  for (const view of lensViews.filter((name) => name !== 'encoder')) await computeView(view, context, {});
});

test('the only position cannot be dropped, by default or by name', async (t) => {
  const context = await opened(t, { prefixLength: 1 });
  const error = refused('usage', /one position/);
  await assert.rejects(compute(context, 'counterfactuals', {}), error);
  const interventions = [{ kind: 'drop' as const, position: 0 }];
  await assert.rejects(compute(context, 'counterfactuals', { interventions }), error);
});

test('a pack without reference images has a table without shares, and says what mean-replace needs', async (t) => {
  const context = await opened(t, {}, async (folder) => {
    const norms = { shape: [300], values: new Float32Array(300).fill(1) };
    await writeSafetensors(join(folder, 'statistics.safetensors'), new Map([['vocabulary_norms', norms]]), () => 'F32');
    await describeFiles(folder, await readJson<PackManifest>(join(folder, 'pack.json')));
  });
  const { positions, reference } = await compute(context, 'table', {});
  assert.equal(reference, undefined);
  assert.ok(positions.every((position) => !('shared' in position)));
  const interventions = [{ kind: 'mean-replace' as const, position: 0 }];
  await assert.rejects(
    compute(context, 'counterfactuals', { interventions }),
    refused('lens-unavailable', /in VS Code “Choose images…” .* on the command line with --reference FOLDER/u),
  );
});

test('images that stand for every image take the place of the pack’s statistics', async (t) => {
  const context = await opened(t);
  const reference = { mean: context.image.prefix, images: 4, source: 'images' as const };
  const data = await compute({ ...context, reference }, 'table', {});
  assert.deepEqual(data.reference, { images: 4, source: 'images' });
  for (const { shared } of data.positions) assert.equal(shared, 1);
});

test('a mapper without attention is refused by name; a transformer’s constants read the clip rows', async (t) => {
  const mlp = await opened(t);
  await assert.rejects(
    compute(mlp, 'attention', { of: 'mapper' }),
    refused('lens-unavailable', /mlp, K=3.*transformer/),
  );
  const mapper = { kind: 'transformer', prefixLength: 3, clipLength: 4, layers: 2, heads: 2 } as const;
  const transformer = await opened(t, { mapper });
  const { layers, heads, rows, columns, weights, outside } = await compute(transformer, 'attention', { of: 'mapper' });
  assert.deepEqual([layers, heads, rows, columns], [2, 2, ['0', '1', '2'], ['0', '1', '2', '3']]);
  for (const [row, shares] of weights.entries()) {
    const total = shares.reduce((sum, share) => sum + share, outside[row]!);
    assert.ok(Math.abs(total - 1) < 1e-5 && outside[row]! > 0.01);
  }
});

test('an encoder without labels for its classes is refused by name', async (t) => {
  const context = await opened(t);
  await assert.rejects(compute(context, 'encoder', {}), refused('lens-unavailable', /average-pool.*classLabels/));
});

const clip = {
  kind: 'clip-vit',
  embeddingWidth: 12,
  normalize: false,
  image: { ...smallImages, size: 16 },
  width: 8,
  layers: 2,
  heads: 2,
  patchSize: 4,
  activation: 'gelu',
} as const satisfies PackManifest['encoder'];

test('CLIP with labels compares the image with each: a softmax of scaled cosines', async (t) => {
  const names = Array.from({ length: 30 }, (_, i) => `label ${i}`);
  const labels = { file: 'labels.safetensors', names, prompt: 'a photo of a {}.', scale: 20 };
  let folder = '';
  const context = await opened(t, { encoder: { ...clip, labels } }, (written) => {
    folder = written;
    return Promise.resolve();
  });
  const data = await compute(context, 'encoder', {});
  assert.deepEqual([data.of, data.among, data.prompt, data.scale], ['texts', 30, 'a photo of a {}.', 20]);
  assert.equal(data.labels.length, 20);
  const { values } = (await readTensors(join(folder, labels.file))).get('label_embeds')!;
  const { embedding } = context.image;
  const cosines = names.map((_, i) => {
    const row = values.slice(12 * i, 12 * (i + 1));
    return (
      row.reduce((sum, value, j) => sum + value * embedding[j]!, 0) / Math.hypot(...row) / Math.hypot(...embedding)
    );
  });
  const total = cosines.reduce((sum, cosine) => sum + Math.exp(20 * cosine), 0);
  const order = [...names.keys()].toSorted((a, b) => cosines[b]! - cosines[a]!);
  for (const [rank, { label, cosine, probability }] of data.labels.entries()) {
    const index = order[rank]!;
    assert.equal(label, names[index]);
    assert.ok(Math.abs(cosine! - cosines[index]!) < 1e-5);
    assert.ok(Math.abs(probability - Math.exp(20 * cosines[index]!) / total) < 1e-5);
  }
});

test('CLIP without labels says how to get them', async (t) => {
  const context = await opened(t, { encoder: clip });
  await assert.rejects(compute(context, 'encoder', {}), refused('lens-unavailable', /no labels.*Import it again/u));
});

test('label embeddings that do not fit the manifest, or are no numbers, are refused', async (t) => {
  const labels = { file: 'labels.safetensors', names: ['a', 'b'], prompt: '{}', scale: 1 };
  const encoder = { ...clip, labels };
  const { folder, manifest } = await writeRandomPack(await temporaryFolder(t), { encoder });
  const replace = async (shape: readonly number[], value: number): Promise<void> => {
    const values = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value);
    await writeSafetensors(join(folder, labels.file), new Map([['label_embeds', { shape, values }]]), () => 'F32');
    await describeFiles(folder, manifest);
  };
  await replace([3, 12], 1);
  await assert.rejects(Model.load(folder, 'cpu'), refused('pack-tensor-mismatch', /"label_embeds" has the shape/u));
  await replace([2, 12], NaN);
  const model = await Model.load(folder, 'cpu');
  t.after(() => model.dispose());
  await assert.rejects(() => model.lens.labelTexts(), refused('pack-invalid', /no numbers/u));
});

test('a vision transformer’s rollout is over its patches, with the class token’s share left out', async (t) => {
  const context = await opened(t, { encoder: clip });
  const { rollout, crop } = await compute(context, 'occlusion', { grid: 2 });
  assert.deepEqual(
    rollout!.map((row) => row.length),
    [4, 4, 4, 4],
  );
  const total = rollout!.flat().reduce((sum, share) => sum + share, 0);
  // The class token keeps at least a half of itself in each of two layers.
  assert.ok(total > 0.2 && total < 0.75, String(total));
  assert.deepEqual(crop, { x: 10, y: 0, width: 20, height: 20 });
});

test('what is changed in the prefix gives the caption that it gives alone', async (t) => {
  const context = await withOthers(await opened(t), 1);
  const other = 'file:///2';
  const { caption, results } = await compute(context, 'counterfactuals', {
    interventions: [
      { kind: 'interpolate', other, share: 0 },
      { kind: 'interpolate', other, share: 1 },
      { kind: 'drop', position: 1 },
    ],
  });
  const alone = await compute({ ...context, image: await context.encode(2) }, 'tokens', {});
  assert.equal(results[0]!.caption.text, caption.text);
  assert.equal(results[0]!.change, 0);
  assert.deepEqual(
    results[0]!.words.map(({ kind }) => kind),
    ['same'],
  );
  assert.equal(results[1]!.caption.text, alone.caption.text);
  assert.notEqual(results[2]!.change, 0);
});

function ids(data: LensViews['tokens']['data']): number[] {
  return data.caption.tokens.map(({ id }) => id);
}

test('a forced token stands in its place, what was before it stays, and a stop token ends the caption', async (t) => {
  const context = await opened(t);
  const before = await compute(context, 'tokens', {});
  const index = 2;
  const token = before.tokens[index]!.alternatives[3]!;
  const after = await compute(context, 'tokens', { force: { index, token: token.id } });
  assert.deepEqual(ids(after).slice(0, index + 1), [...ids(before).slice(0, index), token.id]);
  assert.ok(Math.abs(after.tokens[index]!.logProb - token.logProb) < 1e-5);
  const [stop] = context.model.manifest.languageModel.stopTokens;
  const ended = await compute(context, 'tokens', { force: { index: 1, token: stop! } });
  assert.deepEqual(ids(ended), [ids(before)[0], stop]);
});

for (const options of [{ beams: 3 }, { strategy: 'beam-standard', beams: 4, groups: 2 }] as const) {
  test(`the tree of ${JSON.stringify(options)} leads to the caption that is found`, async (t) => {
    const context = { ...(await opened(t)), options };
    const { beams, steps, captions } = await compute(context, 'beams', {});
    assert.equal(beams, options.beams);
    for (const caption of captions) {
      const path = caption.tokens.map(({ id }) => id);
      assert.ok(isInTree(steps, path), `no path ${path.join(' ')}`);
    }
    for (const step of steps) {
      assert.ok(step.filter(({ state }) => state === 'kept').length <= options.beams);
    }
    assert.ok(steps.some((step) => step.some(({ state }) => state === 'pruned')));
  });
}

/** Whether tokens follow each other from parent to child, the last of them kept or finished. */
function isInTree(steps: LensViews['beams']['data']['steps'], path: readonly number[]): boolean {
  let ends = steps[path.length - 1]!.filter(({ token, state }) => token.id === path.at(-1) && state !== 'pruned');
  for (let step = path.length - 2; step >= 0; step--) {
    ends = ends.flatMap(({ parent }) => (parent === undefined ? [] : [steps[step]![parent]!]));
    ends = ends.filter(({ token }) => token.id === path[step]);
  }
  return ends.some(({ parent }) => parent === undefined);
}

test('the logit lens’s last row, normalised, is what the model says', async (t) => {
  const context = await opened(t);
  const { tokens } = await compute(context, 'tokens', { alternatives: 2 });
  const { cells, columns } = await compute(context, 'lens', { top: 2 });
  assert.equal(columns.length, 3 + tokens.length);
  for (const [place, { alternatives }] of tokens.entries()) {
    const cell = cells.at(-1)![2 + place]!;
    assert.deepEqual(
      cell.map(({ id }) => id),
      alternatives.map(({ id }) => id),
    );
    for (const [rank, { logProb }] of cell.entries()) {
      assert.ok(Math.abs(logProb - alternatives[rank]!.logProb) < 1e-5);
    }
  }
});

test('whole words have a leading space and letters only', async (t) => {
  const context = await opened(t);
  const { positions } = await compute(context, 'table', { wholeWords: true, nearest: 3 });
  const words = positions.flatMap(({ nearest }) => Object.values(nearest).flat());
  assert.ok(words.length > 0);
  for (const { text } of words) assert.match(text, /^ \p{L}+$/u);
});

test('a zero row and a zero embedding have the cosine −1 with everything, ties by lower id', async (t) => {
  const context = await opened(t, {
    editWeights: (weights) => weights.get('gpt.transformer.wte.weight')!.values.fill(0, 7 * 16, 8 * 16),
  });
  const vocabulary = await context.model.vocabulary;
  const [zero] = await vocabulary.nearest(new Float32Array(16), 3);
  assert.deepEqual(
    zero!.cosine,
    [0, 1, 2].map((id) => ({ id, score: -1 })),
  );
  const [one] = await vocabulary.nearest(new Float32Array(16).fill(1), 300);
  assert.deepEqual(one!.cosine.at(-1), { id: 7, score: -1 });
});

test('of equal embeddings the token with the lower id is the nearer one, in every metric', async (t) => {
  const context = await opened(t, {
    editWeights: (weights) => {
      const { values } = weights.get('gpt.transformer.wte.weight')!;
      values.copyWithin(250 * 16, 20 * 16, 21 * 16);
    },
  });
  const vocabulary = await context.model.vocabulary;
  const [row] = await vocabulary.embeddings([250]);
  const [found] = await vocabulary.nearest(
    row!.map((value) => 20 * value),
    300,
  );
  for (const scores of Object.values(found!)) {
    const place = scores.findIndex(({ id }) => id === 20);
    assert.equal(scores[place + 1]!.id, 250);
  }
});

test('both projections draw every position and its neighbours in the full space, the same again for the same seed', async (t) => {
  const context = await opened(t);
  const pca = await compute(context, 'map', { nearest: 4 });
  const umap = await compute(context, 'map', { nearest: 4, projection: 'umap', seed: 5 });
  assert.deepEqual(umap, await compute(context, 'map', { nearest: 4, projection: 'umap', seed: 5 }));
  assert.deepEqual(
    pca.positions.map(({ neighbours }) => neighbours),
    umap.positions.map(({ neighbours }) => neighbours),
  );
  assert.equal(umap.explained, undefined);
  assert.ok(farthest(pca.tokens) > 0.2, 'words stand apart, however short their embeddings are beside the prefix');
  assert.ok(farthest([...pca.tokens, ...pca.positions]) <= 2, 'all points lie on the unit sphere');
  const [first, second] = pca.explained!;
  assert.ok(first >= second && second > 0 && first + second <= 1);
});

test('images are compared with the first, and the collapse check tells their own prefix from another’s', async (t) => {
  const context = await withOthers(await opened(t), 4);
  const others = context.others.map(({ uri }) => uri);
  const { items, similarity, clusters, words, collapse } = await compute(context, 'compare', { others });
  assert.deepEqual(
    items.map(({ label }) => label),
    ['1', '2', '3', '4', '5'],
  );
  assert.deepEqual(
    similarity!.map((row) => [row.length, row.at(-1)]),
    [1, 2, 3, 4, 5].map((length) => [length, 1]),
  );
  assert.deepEqual(
    [...clusters!.order].sort((a, b) => a - b),
    [0, 1, 2, 3, 4],
  );
  assert.deepEqual(
    words[0]!.map(({ kind }) => kind),
    ['same'],
  );
  const texts = new Set(items.map(({ caption }) => caption.text));
  assert.ok(Math.abs(collapse!.diversity - texts.size / 5) < 1e-6);
  const own = items.reduce((sum, { caption }) => sum + caption.score / 5, 0);
  assert.ok(Math.abs(collapse!.own - own) < 1e-5);
  assert.ok(Math.abs(collapse!.shuffled - own) > 1e-3);
});

test('201 images of long names are compared in at most 200 KB, with every pair’s cosine', async (t) => {
  const setting = await opened(t, { prefixLength: 4 });
  const folder = `/home/somebody/Pictures/${'a long name of a folder/'.repeat(6)}`;
  const prefixes: Float32Array[] = [];
  for (let seed = 2; seed < 6; seed++) prefixes.push((await setting.encode(seed)).prefix);
  const others = Array.from({ length: 200 }, (_, i) => {
    const label = `${folder}IMG_2026_${1000 + i}.jpg`;
    return { uri: `file://${encodeURI(label)}`, label, prefix: prefixes[i % prefixes.length]! };
  });
  const context = { ...setting, others };
  const data = await compute(context, 'compare', { others: others.map(({ uri }) => uri) });
  const bytes = Buffer.byteLength(JSON.stringify(data));
  assert.ok(bytes <= 200_000, `${bytes} bytes`);
  assert.equal(data.items.length, 201);
  assert.deepEqual(
    data.similarity!.map((row) => row.length),
    data.items.map((_, i) => i + 1),
  );
  assert.equal(data.similarity![5]![1], 1);
  const names = others.map(({ label }) => label.slice(folder.length));
  assert.deepEqual(
    data.items.slice(1).map(({ label }) => label.slice(-names[0]!.length)),
    names,
  );
});

test('images whose paths alone fill a message are refused with what to do', async (t) => {
  const setting = await opened(t);
  const long = 'd/'.repeat(1000);
  const { prefix } = setting.image;
  const others = Array.from({ length: 150 }, (_, i) => ({ uri: `file:///${long}${i}`, label: String(i), prefix }));
  const asked = { others: others.map(({ uri }) => uri) };
  await assert.rejects(compute({ ...setting, others }, 'compare', asked), refused('usage', /Choose fewer/u));
});

test('the same image decoded otherwise stands beside itself', async (t) => {
  const context = await opened(t);
  const data = await compute(context, 'compare', { decoding: { maxTokens: 2 } });
  assert.deepEqual(
    data.items.map(({ uri }) => uri),
    ['file:///1', 'file:///1'],
  );
  assert.equal(data.items[1]!.caption.tokens.length, 2);
  assert.equal(data.collapse, undefined);
});

const wrong: readonly (readonly [LensView, object])[] = [
  ['table', { nearest: 0 }],
  ['table', { nearest: 'many' }],
  ['table', { wholeWords: 1 }],
  ['map', { projection: 'tsne' }],
  ['tokens', { alternatives: 51 }],
  ['tokens', { force: { index: 1000, token: 1 } }],
  ['tokens', { force: { index: 0, token: -1 } }],
  ['attention', { layer: 2 }],
  ['attention', { head: -1 }],
  ['attention', { of: 'encoder' }],
  ['lens', { top: 21 }],
  ['counterfactuals', { interventions: 'all' }],
  ['counterfactuals', { interventions: [{ kind: 'erase', position: 0 }] }],
  ['counterfactuals', { interventions: [{ kind: 'drop', position: 3 }] }],
  ['counterfactuals', { interventions: [{ kind: 'drop' }] }],
  ['counterfactuals', { interventions: [{ kind: 'insert', position: 0, word: ' ' }] }],
  ['counterfactuals', { interventions: [{ kind: 'insert', position: 0, word: 'x'.repeat(60) }] }],
  ['counterfactuals', { interventions: [{ kind: 'swap', position: 0, other: 'file:///none' }] }],
  ['counterfactuals', { interventions: Array.from({ length: 101 }, () => ({ kind: 'drop', position: 0 })) }],
  ['occlusion', { grid: 17 }],
  ['occlusion', { token: 99 }],
  ['compare', { others: Array.from({ length: 201 }, () => 'file:///1') }],
];
for (const [view, params] of wrong) {
  test(`${view} refuses ${JSON.stringify(params).slice(0, 90)}`, async (t) => {
    const context = await opened(t);
    await assert.rejects(compute(context, view, params), { code: 'usage' });
  });
}

test('a view that is cancelled ends at its next step', async (t) => {
  const context = await opened(t);
  for (const view of lensViews) {
    if (view === 'encoder') continue;
    let steps = 0;
    const checkpoint = (): Promise<void> => {
      steps++;
      return steps === 1 ? Promise.reject(new CaptionError('cancelled', 'Cancelled.')) : Promise.resolve();
    };
    const fresh = { ...context, image: await context.encode(1), checkpoint };
    await assert.rejects(compute(fresh, view, {}), { code: 'cancelled' });
    assert.equal(steps, 1, view);
  }
});

test('the last six encodings are kept', async (t) => {
  const context = await opened(t);
  for (let seed = 2; seed <= 7; seed++) await context.encode(seed);
  assert.equal(context.model.known('1'), undefined);
  for (let seed = 2; seed <= 7; seed++) assert.ok(context.model.known(String(seed)));
});
