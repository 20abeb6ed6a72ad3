import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { elementTypes, GraphBuilder } from '@clipcap/models/graphs/graph';
import { openPack } from '@clipcap/models/pack/openPack';
import { Encoder } from '@clipcap/server/inference/encoder';
import { Model, type ModelOutput } from '@clipcap/server/inference/model';
import { CaptionError } from '@clipcap/protocol/error';
import { describeFiles, gaussian, writeRandomPack, type RandomPackOptions } from '../randomPack.js';
import { temporaryFolder } from '../temporaryFolder.js';

const noCheck = async (): Promise<void> => {};

async function loaded(t: TestContext, options: RandomPackOptions = {}): Promise<Model> {
  const { folder } = await writeRandomPack(await temporaryFolder(t), options);
  const model = await Model.load(folder, 'auto');
  t.after(() => model.dispose());
  return model;
}

/** Images of different colours, since the random pack's encoder sees colour alone. */
function images(count: number): Float32Array[] {
  const random = gaussian(3);
  return Array.from({ length: count }, () => {
    const colour = [random(), random(), random()];
    return Float32Array.from({ length: 3 * 16 * 16 }, (_, i) => colour[Math.floor(i / 256)]!);
  });
}

test('a loaded model says what it is', async (t) => {
  const model = await loaded(t, { dtype: 'fp16' });
  assert.deepEqual(model.info, {
    id: 'random',
    encoder: 'average-pool',
    mapper: 'mlp, K=3',
    prefixLength: 3,
    width: 16,
    dtype: 'fp16',
    provider: 'cpu',
  });
  assert.equal(model.title, 'Random pack');
  assert.equal(model.imageRecipe.size, 16);
});

test('as many images run together as their keys and values may take, the prefix once and tokens for each beam', async (t) => {
  const model = await loaded(t, { layers: 2, width: 16, prefixLength: 4, maxTokens: 6 });
  // Of a row: keys and values of 2 layers, 16 numbers of 4 bytes each, twice.
  const bytes = 2 * 2 * 2 * 16 * 4;
  for (const [options, rows] of [
    [{ strategy: 'greedy' }, 4 + 6],
    [{ strategy: 'beam', beams: 5 }, 4 + 5 * 6],
    [{ strategy: 'sample', captions: 3 }, 4 + 3 * 6],
    [{ strategy: 'greedy', maxTokens: 20 }, 4 + 20],
  ] as const) {
    assert.equal(model.mostTogether(options), Math.floor(2 ** 28 / (rows * bytes)), JSON.stringify(options));
  }
});

test('a batch gives each image the result that it has alone', async (t) => {
  const model = await loaded(t);
  const pixels = images(5);
  const together = await model.caption(pixels, { captions: 4 }, noCheck);
  assert.equal(new Set(together.map((output) => output.captions[0]!.text)).size > 1, true, 'the images differ');
  for (const [i, image] of pixels.entries()) {
    const [alone] = await model.caption([image], { captions: 4 }, noCheck);
    assertSame(together[i]!, alone!);
  }
});

function assertSame(a: ModelOutput, b: ModelOutput): void {
  assert.deepEqual(words(a), words(b));
  for (const [i, { score }] of a.captions.entries()) assert.ok(Math.abs(score - b.captions[i]!.score) < 1e-5);
}

function words({ captions, prefix }: ModelOutput): unknown {
  return {
    captions: captions.map(({ text, tokens }) => ({ text, ids: tokens.map(({ id }) => id) })),
    nearest: prefix.map(({ nearest }) => nearest.map(({ id }) => id)),
  };
}

test('by default there is one caption and eight nearest words a position', async (t) => {
  const model = await loaded(t);
  const [output] = await model.caption(images(1), {}, noCheck);
  assert.equal(output!.captions.length, 1);
  assert.deepEqual(
    output!.prefix.map(({ position }) => position),
    [0, 1, 2],
  );
  assert.deepEqual(
    output!.prefix.map(({ nearest }) => nearest.length),
    [8, 8, 8],
  );
});

test('captions come best first, as many as asked for', async (t) => {
  const model = await loaded(t);
  const [output] = await model.caption(images(1), { beams: 3, captions: 3 }, noCheck);
  const scores = output!.captions.map(({ score }) => score);
  assert.equal(scores.length, 3);
  assert.deepEqual(
    scores,
    [...scores].sort((a, b) => b - a),
  );
});

test('more captions than beams are refused, also where the pack or greedy decoding says how many beams there are', async (t) => {
  const model = await loaded(t);
  for (const options of [{ captions: 5 }, { beams: 3, captions: 4 }, { strategy: 'greedy' as const, captions: 2 }]) {
    await assert.rejects(model.caption(images(1), options, noCheck), {
      code: 'usage',
      message: new RegExp(`^${options.captions} captions need at least as many beams, not`),
    });
  }
});

test('a caption is cut at maxTokens, and at the positions that the model has', async (t) => {
  const model = await loaded(t, { context: 9 });
  const longest = async (maxTokens: number): Promise<number> => {
    const outputs = await model.caption(images(6), { maxTokens, captions: 4 }, noCheck);
    return Math.max(...outputs.flatMap(({ captions }) => captions.map(({ tokens }) => tokens.length)));
  };
  assert.equal(await longest(2), 2);
  assert.equal(await longest(67), 7);
});

test('a pack that normalises scales embeddings to length 1, keeping their direction', async (t) => {
  const parent = await temporaryFolder(t);
  const encode = async (normalize: boolean): Promise<Float32Array> => {
    const { folder } = await writeRandomPack(join(parent, String(normalize)), { normalize });
    const encoder = await Encoder.create(await openPack(folder), 'cpu');
    t.after(() => encoder.release());
    return encoder.encode(images(2));
  };
  const [plain, normalised] = [await encode(false), await encode(true)];
  for (const row of [0, 1]) {
    const values = plain.subarray(row * 12, (row + 1) * 12);
    const norm = Math.hypot(...values);
    assert.ok(Math.abs(norm - 1) > 0.1);
    for (const [i, value] of values.entries()) assert.ok(Math.abs(normalised[row * 12 + i]! - value / norm) < 1e-6);
  }
});

test('a run asks before the encoder, after it, before every step and after the last whether to go on', async (t) => {
  const model = await loaded(t, { maxTokens: 5 });
  const count = async (): Promise<number> => {
    let checks = 0;
    const [output] = await model.caption(images(1), { strategy: 'greedy' }, async () => void checks++);
    assert.equal(checks, 3 + output!.captions[0]!.tokens.length);
    return checks;
  };
  const checks = await count();
  for (let last = 1; last <= checks; last++) {
    let seen = 0;
    const run = model.caption(images(1), { strategy: 'greedy' }, async () => {
      if (++seen === last) throw new CaptionError('cancelled', 'Cancelled.');
    });
    await assert.rejects(run, { code: 'cancelled' });
  }
  await count();
});

for (const options of [{ beams: 0 }, { beams: 65 }, { maxTokens: 1.5 }, { captions: 0 }, { nearest: -1 }]) {
  test(`the option ${JSON.stringify(options)} is refused with its range`, async (t) => {
    const model = await loaded(t);
    await assert.rejects(model.caption(images(1), options, noCheck), {
      code: 'usage',
      message: new RegExp(`The option ${Object.keys(options)[0]} must be a whole number`),
    });
  });
}

test('an execution provider that is not here is refused by name', async () => {
  // DirectML is Windows', Core ML Apple's.
  const absent = process.platform === 'win32' ? 'coreml' : 'directml';
  await assert.rejects(Model.load('anywhere', absent), {
    code: 'provider-unavailable',
    message: new RegExp(`has no ${absent}`),
  });
});

test('an encoder file that is no ONNX model is refused by name', async (t) => {
  const { folder, manifest } = await writeRandomPack(await temporaryFolder(t));
  await writeFile(join(folder, 'encoder.onnx'), 'not a model');
  await describeFiles(folder, manifest);
  await assert.rejects(Model.load(folder, 'cpu'), { code: 'pack-invalid', message: /encoder\.onnx is not an encoder/ });
});

test('an encoder of another image size is refused with both shapes', async (t) => {
  const parent = await temporaryFolder(t);
  const { folder, manifest } = await writeRandomPack(parent);
  const image = { ...manifest.encoder.image, size: 32 };
  await describeFiles(folder, { ...manifest, encoder: { ...manifest.encoder, image } });
  await assert.rejects(Model.load(folder, 'cpu'), {
    code: 'pack-tensor-mismatch',
    message: /"pixel_values" has the shape \[N, 3, 16, 16\]; pack\.json asks for \[N, 3, 32, 32\]/,
  });
});

/** Replaces a random pack's encoder by one that gives what `build` adds to the graph. */
async function packWithEncoder(t: TestContext, build: (graph: GraphBuilder, pixels: string) => void): Promise<string> {
  const { folder, manifest } = await writeRandomPack(join(await temporaryFolder(t), 'pack'));
  const graph = new GraphBuilder();
  build(graph, graph.input('pixel_values', 'float32', ['N', 3, 16, 16]));
  await writeFile(join(folder, 'encoder.onnx'), graph.build('encoder'));
  await describeFiles(folder, manifest);
  return folder;
}

test('an encoder that wants to read a file outside of the pack is refused', async (t) => {
  const folder = await packWithEncoder(t, (graph, pixels) => {
    const tensor = { name: 'secret', dtype: 'F32', shape: [3, 12], offset: 0, length: 144 } as const;
    const secret = graph.external({ ...tensor, file: '../secret.bin' });
    const colour = graph.node('Flatten', [graph.node('GlobalAveragePool', [pixels])], { axis: 1 });
    graph.output('image_embeds', graph.node('MatMul', [colour, secret]), 'float32', ['N', 12]);
  });
  await writeFile(join(folder, '..', 'secret.bin'), new Uint8Array(144));
  await assert.rejects(Model.load(folder, 'cpu'), { code: 'pack-invalid', message: /encoder\.onnx is not an encoder/ });
});

test('an encoder that gives more than it declares is an error naming both sizes', async (t) => {
  const folder = await packWithEncoder(t, (graph, pixels) => {
    // How many values differ from zero is not known before the run.
    const places = graph.node('Cast', [graph.node('NonZero', [pixels])], { to: elementTypes.float32 });
    graph.output('image_embeds', places, 'float32', ['N', 'd']);
  });
  const model = await Model.load(folder, 'cpu');
  t.after(() => model.dispose());
  await assert.rejects(model.caption(images(1), {}, noCheck), {
    code: 'pack-tensor-mismatch',
    message: /gave \[4, 768\] for \[1, 12\]/,
  });
});
