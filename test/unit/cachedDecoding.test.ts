/** All searches on the real decoder with its cache, against GPT-2 over whole sequences. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { openPack, type Pack } from '@clipcap/models/pack/openPack';
import { Decoder } from '@clipcap/server/inference/decoder';
import { generate } from '@clipcap/server/inference/generate';
import { Model } from '@clipcap/server/inference/model';
import { resolveOptions, type Decoding } from '@clipcap/server/inference/options';
import { createSession, type Provider } from '@clipcap/server/inference/provider';
import type { FoundCaption } from '@clipcap/server/inference/search';
import { Tokenizer } from '@clipcap/server/inference/tokenizer';
import { naiveLogits } from '../naiveGpt2.js';
import { NaiveSteps } from '../naiveSteps.js';
import { gaussian, writeRandomPack } from '../randomPack.js';
import { idsOf, noCheck } from '../randomSteps.js';
import { recordingFeeds, type Feeds } from '../recordingFeeds.js';
import { temporaryFolder } from '../temporaryFolder.js';

const decodings = fc.oneof(
  fc.record({ strategy: fc.constant('beam' as const), beams: fc.integer({ min: 1, max: 4 }) }),
  fc.record({
    strategy: fc.constant('beam-standard' as const),
    beams: fc.constantFrom(2, 4),
    groups: fc.constantFrom(1, 2),
    lengthPenalty: fc.constantFrom(0.5, 1, 2),
    diversity: fc.constantFrom(0.5, 5),
    captions: fc.constant(2),
  }),
  fc.record({
    strategy: fc.constant('sample' as const),
    seed: fc.nat(),
    draws: fc.integer({ min: 1, max: 3 }),
    temperature: fc.constantFrom(0.5, 1, 2),
    topP: fc.constantFrom(0.8, 1),
    topK: fc.constantFrom(10, 300),
  }),
);

/** The graph and the cache of `provider`, on the CPU: WebGPU's keeps all keys and values in the tensors of ONNX Runtime. */
async function decoderOnCpu(
  t: TestContext,
  pack: Pack,
  provider: Provider,
): Promise<{ decoder: Decoder; runs: Feeds[] }> {
  const { open, runs } = recordingFeeds((graph) => createSession(graph, 'cpu', pack.folder));
  const decoder = await Decoder.create(pack, provider, open);
  t.after(() => decoder.release());
  return { decoder, runs };
}

for (const provider of ['cpu', 'webgpu'] as const) {
  test(`with the cache of ${provider}, a batch of images gives each the captions of whole sequences, however decoded`, async (t) => {
    const { folder, weights, manifest } = await writeRandomPack(await temporaryFolder(t), { layers: 2 });
    const { decoder } = await decoderOnCpu(t, await openPack(folder), provider);
    const { vocabulary, width } = manifest.languageModel;
    const { prefixLength } = manifest.mapper;
    const images = 2;
    const requests = fc.record({
      decoding: decodings,
      seed: fc.nat(),
      maxTokens: fc.integer({ min: 4, max: 7 }),
      minTokens: fc.integer({ min: 1, max: 4 }),
      begin: fc.array(fc.nat(vocabulary - 1), { maxLength: 3 }),
      stopTokens: fc.uniqueArray(fc.nat(vocabulary - 1), { minLength: 1, maxLength: 40 }),
    });
    const check = async ({ decoding, seed, ...rest }: typeof requests extends fc.Arbitrary<infer R> ? R : never) => {
      const random = gaussian(seed);
      const prefix = Float32Array.from({ length: images * prefixLength * width }, random);
      const options = { ...rest, decoding: decoding as Decoding, captions: 2, nearest: 1 };
      const cached = decoder.begin(prefix, images);
      const found = await generate(cached, { images, vocabulary }, options, noCheck).finally(() => cached.dispose());
      const row = (image: number, position: number): number[] => {
        const start = (image * prefixLength + position) * width;
        return [...prefix.subarray(start, start + width)];
      };
      const whole = new NaiveSteps(images, (image, tokens) => {
        const embeds = Array.from({ length: prefixLength }, (_, position) => row(image, position));
        return naiveLogits(manifest.languageModel, weights, embeds, tokens);
      });
      const expected = await generate(whole, { images, vocabulary }, options, noCheck);
      assertSame(found.flat(), expected.flat());
    };
    // The same cases every time: two logits can be nearer to each other than float32 can tell.
    await fc.assert(fc.asyncProperty(requests, check), { seed: 4, numRuns: 30 });
  });
}

test('however decoded, captions use every position of the context, and the last token needs none', async (t) => {
  const prefixLength = 3;
  const { folder, weights, manifest } = await writeRandomPack(await temporaryFolder(t), { context: 9, prefixLength });
  const model = manifest.languageModel;
  const pack = await openPack(folder);
  const { decoder } = await decoderOnCpu(t, pack, 'cpu');
  const tokenizer = await Tokenizer.create(pack);
  const encode = (text: string): readonly number[] => tokenizer.encode(text);
  const prefix = Float32Array.from({ length: prefixLength * model.width }, gaussian(6));
  const embeds = Array.from({ length: prefixLength }, (_, position) => [
    ...prefix.subarray(position * model.width, (position + 1) * model.width),
  ]);
  for (const asked of [
    { strategy: 'greedy' },
    { beams: 4, captions: 4 },
    { strategy: 'beam-standard', beams: 4, captions: 4 },
    { seed: 5, captions: 4 },
    { strategy: 'greedy', begin: 'a cat' },
  ] as const) {
    const options = { ...resolveOptions({ maxTokens: 67, ...asked }, manifest, encode), stopTokens: [] };
    const { vocabulary } = model;
    const cached = decoder.begin(prefix, 1);
    const [found] = await generate(cached, { images: 1, vocabulary }, options, noCheck);
    cached.dispose();
    const whole = new NaiveSteps(1, (_, tokens) => naiveLogits(model, weights, embeds, tokens));
    const [expected] = await generate(whole, { images: 1, vocabulary }, options, noCheck);
    assertSame(found!, expected!);
    for (const { tokens } of found!) assert.equal(tokens.length, 7, JSON.stringify(asked));
  }
});

test('rows that no beam attends to any more are forgotten once they are more than half, and change no logits', async (t) => {
  const { folder, manifest } = await writeRandomPack(await temporaryFolder(t));
  const { decoder, runs } = await decoderOnCpu(t, await openPack(folder), 'cpu');
  const { width } = manifest.languageModel;
  const { prefixLength } = manifest.mapper;
  const prefix = Float32Array.from({ length: 2 * prefixLength * width }, gaussian(5));
  const decoding = decoder.begin(prefix, 2);
  await decoding.first();
  await decoding.next([0, 0, 1, 1], [1, 2, 3, 4]);
  await decoding.next([0, 1, 2, 3], [5, 6, 7, 8]);
  // The second image alone is left, with its second beam.
  await decoding.next([3], [9]);
  const found = await decoding.next([0], [10]);
  decoding.dispose();
  const all = 2 * prefixLength + 4 + 4;
  assert.deepEqual(
    runs.map((feeds) => feeds['past_key_0']!.dims[0]),
    [0, 2 * prefixLength, 2 * prefixLength + 4, prefixLength + 2, prefixLength + 3],
  );
  assert.ok(2 * (prefixLength + 2) < all);

  const alone = decoder.begin(prefix.subarray(prefixLength * width), 1);
  await alone.first();
  for (const token of [4, 8, 9]) await alone.next([0], [token]);
  const expected = await alone.next([0], [10]);
  alone.dispose();
  for (const [index, value] of found.entries()) assert.ok(Math.abs(value - expected[index]!) < 1e-5);
});

function assertSame(found: readonly FoundCaption[], expected: readonly FoundCaption[]): void {
  assert.deepEqual(found.map(idsOf), expected.map(idsOf));
  for (const [i, { tokens, score }] of found.entries()) {
    assert.ok(Math.abs(score - expected[i]!.score) < 1e-4);
    for (const [j, { logProb }] of tokens.entries()) {
      assert.ok(Math.abs(logProb - expected[i]!.tokens[j]!.logProb) < 1e-4);
    }
  }
}

async function loaded(t: TestContext): Promise<Model> {
  const { folder } = await writeRandomPack(await temporaryFolder(t));
  const model = await Model.load(folder, 'cpu');
  t.after(() => model.dispose());
  return model;
}

const pixels = [0.2, -0.7, 1.1].map((value) => new Float32Array(3 * 16 * 16).fill(value));

test('a model’s captions begin as asked, and sampling gives an image the same alone and in a batch', async (t) => {
  const model = await loaded(t);
  const options = { temperature: 1, seed: 3, captions: 3, begin: 'a cat' };
  const together = await model.caption(pixels, options, noCheck);
  for (const [i, image] of pixels.entries()) {
    const [alone] = await model.caption([image], options, noCheck);
    assert.deepEqual(
      together[i]!.captions.map(({ text }) => text),
      alone!.captions.map(({ text }) => text),
    );
    assert.equal(alone!.captions.length, 3);
    for (const { text, tokens } of alone!.captions) {
      assert.ok(text.startsWith('a cat'), text);
      assert.deepEqual(
        tokens.slice(0, 2).map((token) => token.text),
        ['a', ' cat'],
      );
    }
  }
});

test('who watches a model sees each image’s text after every step, at last the whole caption', async (t) => {
  const model = await loaded(t);
  for (const options of [{ strategy: 'greedy' as const }, { seed: 1 }]) {
    const seen: string[][] = pixels.map(() => []);
    const outputs = await model.caption(pixels, options, noCheck, (image, text) => seen[image]!.push(text));
    for (const [image, texts] of seen.entries()) {
      const [caption] = outputs[image]!.captions;
      assert.equal(texts.length, caption!.tokens.length);
      assert.equal(texts.at(-1), caption!.text);
    }
  }
});
