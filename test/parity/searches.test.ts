/**
 * Greedy decoding and the reference's beam search over the step graph and its cache, against PyTorch computing the whole
 * sequence again at every step: 200 prefixes of noise, none left out.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { beamSearch } from '@clipcap/server/inference/beamSearch';
import { Decoder } from '@clipcap/server/inference/decoder';
import type { FoundCaption } from '@clipcap/server/inference/search';
import { readJson } from '../json.js';
import { fixture } from '../root.js';
import { noisePack, type Architectures } from './architecturePacks.js';
import { noiseTensor } from './noise.js';

const { search, results, ties } = await readJson<Architectures>(fixture('architectures/expected.json'));
const { width, vocabulary, stopTokens } = search.languageModel;

let folder: string;
let decoder: Decoder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clipcap-'));
  decoder = await Decoder.create(await noisePack(folder, search.languageModel, 'fp32'), 'cpu');
});
after(async () => {
  await decoder.release();
  await rm(folder, { recursive: true });
});

/** The captions of seeds first … first+count−1, searched as one batch. */
async function found(first: number, count: number, beams: number): Promise<FoundCaption[][]> {
  const size = search.prefixLength * width;
  const prefixes = new Float32Array(count * size);
  for (let i = 0; i < count; i++) prefixes.set(noiseTensor(first + i, 'prefix', size), i * size);
  const decoding = decoder.begin(prefixes, count);
  const options = { images: count, beams, maxTokens: search.maxTokens, vocabulary, stopTokens };
  const captions = await beamSearch(decoding, options, async () => {});
  decoding.dispose();
  return captions;
}

function ids({ tokens }: FoundCaption): number[] {
  return tokens.map(({ id }) => id);
}

test('greedy tokens are PyTorch’s for seeds 0 to 199, but where two logits are within 1e-4', async () => {
  assert.equal(results.length, 200);
  assert.ok(ties.length <= 2);
  const captions = await found(0, results.length, 1);
  const wrong = results.flatMap(({ greedy }, seed) =>
    isEqual(ids(captions[seed]![0]!), greedy) || ties.includes(seed) ? [] : [seed],
  );
  assert.deepEqual(wrong, []);
  assert.ok(new Set(results.map(({ greedy }) => greedy.join())).size > 100, 'prefixes lead to different captions');
});

test('the five beams are PyTorch’s in 99 of 100 sequences, their scores to 1e-4', async () => {
  let equal = 0;
  for (let first = 0; first < results.length; first += 20) {
    const captions = await found(first, 20, search.beams);
    for (const [i, beams] of captions.entries()) {
      const wanted = results[first + i]!.beams;
      assert.equal(beams.length, wanted.length);
      for (const [rank, caption] of beams.entries()) {
        const [tokens, score] = wanted[rank]!;
        if (isEqual(ids(caption), tokens)) equal++;
        assert.ok(Math.abs(caption.score - score) <= 1e-4, `seed ${first + i}, beam ${rank}`);
      }
    }
  }
  assert.ok(equal >= 0.99 * results.length * search.beams, `${equal} of ${results.length * search.beams}`);
});

function isEqual(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, index) => id === b[index]);
}
