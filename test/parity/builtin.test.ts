/**
 * The built-in pack in ONNX Runtime against the same stored weights in PyTorch, in float32. The fixtures are made by
 * `python test/parity/generate.py`.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ImageRecipe } from '@clipcap/models/pack/manifest';
import { openPack, type Pack } from '@clipcap/models/pack/openPack';
import { readSafetensors } from '@clipcap/models/pack/safetensors';
import { beamSearch } from '@clipcap/server/inference/beamSearch';
import { decode } from '@clipcap/server/inference/decode';
import { Decoder } from '@clipcap/server/inference/decoder';
import { Encoder } from '@clipcap/server/inference/encoder';
import { Mapper } from '@clipcap/server/inference/mapper';
import { preprocess } from '@clipcap/server/inference/preprocess';
import { Tokenizer } from '@clipcap/server/inference/tokenizer';
import type { FoundCaption } from '@clipcap/server/inference/search';
import { readJson } from '../json.js';
import { fixture, root } from '../root.js';
import { noisePixelValues } from './noise.js';

interface Search {
  readonly tokens: readonly number[];
  readonly score: number;
}

interface Expected {
  readonly weightsSha256: string;
  readonly encoderSha256: string;
  readonly embedColumns: readonly number[];
  readonly stride: number;
  /** Inputs whose whole prefix is stored. */
  readonly full: readonly string[];
  readonly inputs: readonly {
    readonly name: string;
    /** Of noise. */
    readonly seed?: number;
    /** Of a photo's preprocessed 8-bit picture. */
    readonly pixelsSha256?: string;
    readonly greedy: Search;
    readonly beams: readonly Search[];
    readonly text: string;
  }[];
}

/** What one input gives here. */
interface Computed {
  readonly name: string;
  readonly embeds: Float32Array;
  readonly prefix: Float32Array;
  readonly logits: Float32Array;
  readonly greedy: FoundCaption;
  readonly beams: readonly FoundCaption[];
  readonly text: string;
}

const tolerance = 1e-4;
const photos = fixture('photos');

let pack: Pack;
let expected: Expected;
let values: ReadonlyMap<string, { shape: readonly number[]; values: Float32Array }>;
let computed: readonly Computed[];

before(async () => {
  pack = await openPack(join(root, 'models', 'builtin'));
  expected = await readJson<Expected>(fixture('parity/expected.json'));
  values = await readValues(fixture('parity/expected.safetensors'));
  computed = await compute();
});

let parts: { encoder: Encoder; mapper: Mapper; decoder: Decoder } | undefined;
after(async () => {
  await Promise.all([parts?.encoder.release(), parts?.mapper.release(), parts?.decoder.release()]);
});

async function compute(): Promise<Computed[]> {
  parts = {
    encoder: await Encoder.create(pack, 'cpu'),
    mapper: await Mapper.create(pack, 'cpu'),
    decoder: await Decoder.create(pack, 'cpu'),
  };
  const { encoder, mapper, decoder } = parts;
  const tokenizer = await Tokenizer.create(pack);
  const { vocabulary, stopTokens } = pack.manifest.languageModel;
  const search = async (prefix: Float32Array, beams: number): Promise<FoundCaption[]> => {
    const decoding = decoder.begin(prefix, 1);
    const options = { images: 1, beams, maxTokens: 67, vocabulary, stopTokens };
    const [found] = await beamSearch(decoding, options, async () => {});
    decoding.dispose();
    return found!;
  };
  const results: Computed[] = [];
  for (const { name, seed } of expected.inputs) {
    const pixels =
      seed === undefined ? preprocess(await photo(name), pack.manifest.encoder.image) : noisePixelValues(seed);
    const embeds = await encoder.encode([pixels]);
    const prefix = await mapper.map(embeds);
    const decoding = decoder.begin(prefix, 1);
    const logits = await decoding.first();
    decoding.dispose();
    const [greedy] = await search(prefix, 1);
    const beams = await search(prefix, 4);
    const text = tokenizer.decode(beams[0]!.tokens.map(({ id }) => id));
    results.push({ name, embeds, prefix, logits, greedy: greedy!, beams, text });
  }
  return results;
}

async function photo(name: string): ReturnType<typeof decode> {
  return decode(await readFile(join(photos, name)), name);
}

async function readValues(path: string): Promise<Map<string, { shape: readonly number[]; values: Float32Array }>> {
  const { tensors } = await readSafetensors(path);
  const bytes = await readFile(path);
  return new Map(
    [...tensors.values()].map(({ name, shape, offset, length }) => {
      const copy = new Uint8Array(bytes.subarray(offset, offset + length));
      return [name, { shape, values: new Float32Array(copy.buffer) }];
    }),
  );
}

/** Compares row i of the stored tensor `name` with what `pick` takes from result i. */
function assertRows(name: string, pick: (result: Computed) => Float32Array, results = computed): void {
  const stored = values.get(name)!;
  const width = stored.values.length / stored.shape[0]!;
  assert.equal(stored.shape[0], results.length);
  let worst = { difference: 0, where: '' };
  for (const [row, result] of results.entries()) {
    const actual = pick(result);
    assert.equal(actual.length, width);
    for (const [column, value] of actual.entries()) {
      const difference = Math.abs(value - stored.values[row * width + column]!);
      if (!(difference <= worst.difference)) worst = { difference, where: `${result.name}, value ${column}` };
    }
  }
  assert.ok(worst.difference <= tolerance, `differs by ${worst.difference} at ${worst.where}`);
}

function everyNth(all: Float32Array, stride: number): Float32Array {
  return all.filter((_, index) => index % stride === 0);
}

test('the fixtures were made from the pack as it is', () => {
  assert.equal(expected.weightsSha256, pack.manifest.files['weights.safetensors']!.sha256);
  assert.equal(expected.encoderSha256, pack.manifest.files['encoder.onnx']!.sha256);
  assert.ok(expected.inputs.length >= 60, 'fifty pictures of noise and the photos');
});

test('photos reach the encoder exactly as Pillow prepares them', async () => {
  for (const { name, pixelsSha256 } of expected.inputs) {
    if (pixelsSha256 === undefined) continue;
    const unscaled: ImageRecipe = { ...pack.manifest.encoder.image, mean: [0, 0, 0], std: [1, 1, 1] };
    const planes = preprocess(await photo(name), unscaled);
    const plane = planes.length / 3;
    const bytes = Uint8Array.from({ length: planes.length }, (_, i) =>
      Math.round(planes[(i % 3) * plane + Math.floor(i / 3)]! * 255),
    );
    assert.equal(createHash('sha256').update(bytes).digest('hex'), pixelsSha256, name);
  }
});

test('image embeddings are PyTorch’s to 1e-4', () => {
  assertRows('image_embeds', ({ embeds }) => Float32Array.from(expected.embedColumns, (column) => embeds[column]!));
});

test('prefixes are PyTorch’s to 1e-4', () => {
  assertRows('prefix', ({ prefix }) => everyNth(prefix, expected.stride));
  const whole = expected.full.map((name) => computed.find((result) => result.name === name)!);
  assertRows('prefix_full', ({ prefix }) => prefix, whole);
});

test('logits of the first token are PyTorch’s to 1e-4', () => {
  assertRows('logits', ({ logits }) => everyNth(logits, expected.stride));
});

test('greedy tokens are PyTorch’s, their scores to 1e-4', () => {
  for (const [i, { name, greedy }] of expected.inputs.entries()) assertSearch(name, [computed[i]!.greedy], [greedy]);
});

test('beams are PyTorch’s in their order, their scores to 1e-4, the best one’s text alike', () => {
  for (const [i, { name, beams, text }] of expected.inputs.entries()) {
    assertSearch(name, computed[i]!.beams, beams);
    assert.equal(computed[i]!.text, text);
  }
});

function assertSearch(name: string, found: readonly FoundCaption[], wanted: readonly Search[]): void {
  const ids = found.map(({ tokens }) => tokens.map(({ id }) => id));
  assert.deepEqual(
    ids,
    wanted.map(({ tokens }) => tokens),
    name,
  );
  for (const [i, { score }] of found.entries()) assert.ok(Math.abs(score - wanted[i]!.score) <= tolerance, name);
}
