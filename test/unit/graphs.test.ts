import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { InferenceSession } from 'onnxruntime-node';
import { gpt2Step } from '@clipcap/models/graphs/gpt2';
import { nearestTokens } from '@clipcap/models/graphs/nearest';
import { openPack } from '@clipcap/models/pack/openPack';
import { Decoder } from '@clipcap/server/inference/decoder';
import { NearestTokens } from '@clipcap/server/inference/interpret';
import { Mapper } from '@clipcap/server/inference/mapper';
import { sessionOptions } from '@clipcap/server/inference/sessionOptions';
import { naiveLogits, naivePrefix } from '../naiveGpt2.js';
import { gaussian, writeRandomPack, type RandomPack, type RandomPackOptions } from '../randomPack.js';
import { temporaryFolder } from '../temporaryFolder.js';

const width = 16;
const vocabulary = 300;

async function decoderOf(
  t: TestContext,
  options: RandomPackOptions = {},
): Promise<{ pack: RandomPack; decoder: Decoder }> {
  const pack = await writeRandomPack(await temporaryFolder(t), { width, vocabulary, heads: 4, ...options });
  const decoder = await Decoder.create(await openPack(pack.folder), 'cpu');
  t.after(() => decoder.release());
  return { pack, decoder };
}

function randomRows(seed: number, rows: number): number[][] {
  const random = gaussian(seed);
  return Array.from({ length: rows }, () => Array.from({ length: width }, random));
}

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  assert.equal(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    assert.ok(difference <= tolerance, `value ${i}: ${actual[i]} instead of ${expected[i]}`);
  }
}

for (const dtype of ['fp32', 'fp16', 'mixed'] as const) {
  test(`the step graph over ${dtype} weights gives GPT-2’s logits, after the prefix and after every token`, async (t) => {
    const { pack, decoder } = await decoderOf(t, { dtype });
    const prefix = randomRows(7, 3);
    const decoding = decoder.begin(Float32Array.from(prefix.flat()), 1);
    const ids = [17, 0, 299, 17, 256];
    const model = pack.manifest.languageModel;
    assertClose(await decoding.first(), naiveLogits(model, pack.weights, prefix, []), 1e-5);
    for (let length = 1; length <= ids.length; length++) {
      const logits = await decoding.next([0], [ids[length - 1]!]);
      assertClose(logits, naiveLogits(model, pack.weights, prefix, ids.slice(0, length)), 1e-5);
    }
    decoding.dispose();
  });
}

test('rows continue the rows of the step before that they name: reordered, repeated and dropped', async (t) => {
  const { pack, decoder } = await decoderOf(t);
  const model = pack.manifest.languageModel;
  const prefixes = [randomRows(1, 3), randomRows(2, 3), randomRows(3, 3)];
  const decoding = decoder.begin(Float32Array.from(prefixes.flat(2)), 3);
  const first = await decoding.first();
  for (const [i, prefix] of prefixes.entries()) {
    assertClose(
      first.subarray(i * vocabulary, (i + 1) * vocabulary),
      naiveLogits(model, pack.weights, prefix, []),
      1e-5,
    );
  }
  await decoding.next([2, 0, 2, 1], [5, 6, 7, 8]);
  const logits = await decoding.next([2, 1], [9, 10]);
  assertClose(logits.subarray(0, vocabulary), naiveLogits(model, pack.weights, prefixes[2]!, [7, 9]), 1e-5);
  assertClose(logits.subarray(vocabulary), naiveLogits(model, pack.weights, prefixes[0]!, [6, 10]), 1e-5);
  decoding.dispose();
});

test('the mapper gives each image its prefix', async (t) => {
  const pack = await writeRandomPack(await temporaryFolder(t), { dtype: 'mixed' });
  const mapper = await Mapper.create(await openPack(pack.folder), 'cpu');
  t.after(() => mapper.release());
  const random = gaussian(4);
  const embeds = [0, 1, 2].map(() => Array.from({ length: 12 }, random));
  const expected = embeds.flatMap((embedding) => naivePrefix(pack.weights, embedding));
  assertClose(await mapper.map(Float32Array.from(embeds.flat())), expected, 1e-5);
});

test('16-bit matrices are widened, or multiplied in 16 bit where that is possible: all but the output head', async (t) => {
  const folder = await temporaryFolder(t);
  await writeRandomPack(folder, { dtype: 'fp16', layers: 2 });
  const { manifest, weights } = await openPack(folder);
  const casts = (halves?: 'widened' | 'computed'): number => {
    const graph = gpt2Step(manifest.languageModel, { ...weights, ...(halves && { halves }) });
    return (
      Buffer.from(graph)
        .toString('latin1')
        .match(/Cast(?!_)/gu)?.length ?? 0
    );
  };
  const [products, positions, head, lookUp] = [4 * 2, 1, 1, 1];
  assert.equal(casts(), products + positions + head + lookUp);
  assert.equal(casts('widened'), products + positions + head);
  assert.equal(casts('computed'), 2 * products + positions + head);
});

/** Cosines of `row` with every token, best first, ties by lower id, in double precision. */
function bruteForceNearest(pack: RandomPack, row: readonly number[]): { id: number; score: number }[] {
  const { values } = pack.weights.get('gpt.transformer.wte.weight')!;
  return Array.from({ length: vocabulary }, (_, id) => {
    const token = values.subarray(id * width, (id + 1) * width);
    const norms = Math.hypot(...token) * Math.hypot(...row);
    const product = row.reduce((sum, value, i) => sum + value * token[i]!, 0);
    return { id, score: norms === 0 ? -1 : product / norms };
  }).sort((a, b) => b.score - a.score || a.id - b.id);
}

async function nearestOf(t: TestContext, pack: RandomPack): Promise<NearestTokens> {
  const nearest = await NearestTokens.create(await openPack(pack.folder), 'cpu');
  t.after(() => nearest.release());
  return nearest;
}

for (const dtype of ['fp32', 'fp16', 'mixed', 'q8', 'q4'] as const) {
  test(`nearest tokens in ${dtype} are those of a brute-force search, with the row’s norm`, async (t) => {
    const pack = await writeRandomPack(await temporaryFolder(t), { width, vocabulary, dtype });
    const rows = randomRows(9, 20);
    const found = await (await nearestOf(t, pack)).find(Float32Array.from(rows.flat()), 8);
    for (const [i, row] of rows.entries()) {
      const expected = bruteForceNearest(pack, row).slice(0, 8);
      assert.deepEqual(
        found[i]!.nearest.map(({ id }) => id),
        expected.map(({ id }) => id),
      );
      assertClose(
        found[i]!.nearest.map(({ score }) => score),
        expected.map(({ score }) => score),
        1e-6,
      );
      assert.ok(Math.abs(found[i]!.norm - Math.hypot(...row)) < 1e-5);
    }
  });
}

for (const dtype of ['q8', 'q4'] as const) {
  test(`a vocabulary in ${dtype} is widened when its session is made, not for every image`, async (t) => {
    const folder = await temporaryFolder(t);
    await writeRandomPack(folder, { width, vocabulary, dtype });
    const { manifest, weights } = await openPack(folder);
    const optimizedModelFilePath = join(folder, 'optimized.onnx');
    const options = { ...sessionOptions('cpu', { weightsFolder: folder }), optimizedModelFilePath };
    await (await InferenceSession.create(nearestTokens(manifest, weights), options)).release();
    // Names of values and nodes go on with a number.
    const operators = await readFile(optimizedModelFilePath, 'latin1');
    const isIn = (operator: string): boolean => new RegExp(`${operator}(?!_)`, 'u').test(operators);
    assert.ok(isIn('Gemm') && isIn('TopK'));
    for (const once of ['Cast', 'DequantizeLinear', 'GatherBlockQuantized', 'Slice', 'Transpose'])
      assert.ok(!isIn(once), once);
  });
}

test('tokens with equal embeddings come in the order of their ids', async (t) => {
  const twins = [3, 64, 131, 299];
  const pack = await writeRandomPack(await temporaryFolder(t), {
    width,
    vocabulary,
    editWeights: (weights) => {
      const { values } = weights.get('gpt.transformer.wte.weight')!;
      for (const id of twins) values.copyWithin(id * width, 40 * width, 41 * width);
    },
  });
  const row = pack.weights.get('gpt.transformer.wte.weight')!.values.slice(40 * width, 41 * width);
  const [found] = await (await nearestOf(t, pack)).find(row, 5);
  assert.deepEqual(
    found!.nearest.map(({ id }) => id),
    [3, 40, 64, 131, 299],
  );
});

test('a zero token and a zero row score −1', async (t) => {
  const pack = await writeRandomPack(await temporaryFolder(t), {
    width,
    vocabulary,
    editWeights: (weights) => weights.get('gpt.transformer.wte.weight')!.values.fill(0, 5 * width, 6 * width),
  });
  const rows = Float32Array.from([...randomRows(3, 1).flat(), ...new Float32Array(width)]);
  const [row, zero] = await (await nearestOf(t, pack)).find(rows, vocabulary);
  assert.deepEqual(row!.nearest.at(-1), { id: 5, score: -1 });
  assert.deepEqual(
    zero!.nearest.slice(0, 3),
    [0, 1, 2].map((id) => ({ id, score: -1 })),
  );
  assert.equal(zero!.norm, 0);
});
