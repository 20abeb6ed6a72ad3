/**
 * Greedy decoding and the reference's beam search over the step graph and its cache, against PyTorch computing the whole
 * sequence again at every step: 200 prefixes of noise, none left out, for a head that is the token embedding and for one of
 * its own.
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { beamSearch } from '@clipcap/server/inference/beamSearch';
import { Decoder } from '@clipcap/server/inference/decoder';
import type { FoundCaption } from '@clipcap/server/inference/search';
import { readJson } from '../json.js';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { noisePack, type Architectures } from './architecturePacks.js';
import { noiseTensor } from './noise.js';

const { search, searches } = await readJson<Architectures>(fixture('architectures/expected.json'));
type Searches = Architectures['searches'][number];
/** In one batch. */
const images = 20;
const checkpoint = async (): Promise<void> => {};

interface Found {
  readonly captions: readonly FoundCaption[][];
  readonly wanted: Searches['results'];
}

/** The captions of seeds 0 to 199, twenty as one batch, beside PyTorch's. */
async function found(t: TestContext, { languageModel, results }: Searches, beams: number): Promise<Found> {
  const { width, vocabulary, stopTokens } = languageModel;
  const decoder = await Decoder.create(await noisePack(await temporaryFolder(t), languageModel, 'fp32'), 'cpu');
  t.after(() => decoder.release());
  const size = search.prefixLength * width;
  const captions: FoundCaption[][] = [];
  for (let first = 0; first < results.length; first += images) {
    const prefixes = new Float32Array(images * size);
    for (let i = 0; i < images; i++) prefixes.set(noiseTensor(first + i, 'prefix', size), i * size);
    const decoding = decoder.begin(prefixes, images);
    const options = { images, beams, maxTokens: search.maxTokens, vocabulary, stopTokens };
    captions.push(...(await beamSearch(decoding, options, checkpoint)));
    decoding.dispose();
  }
  return { captions, wanted: results };
}

function ids({ tokens }: FoundCaption): number[] {
  return tokens.map(({ id }) => id);
}

for (const model of searches) {
  const head = model.languageModel.tiedHead ? 'a tied head' : 'a head of its own';

  test(`${head}: greedy tokens are PyTorch’s for seeds 0 to 199, but where two logits are within 1e-4`, async (t) => {
    const { captions, wanted } = await found(t, model, 1);
    assert.equal(wanted.length, 200);
    assert.ok(model.ties.length <= 2);
    const wrong = wanted.flatMap(({ greedy }, seed) =>
      isEqual(ids(captions[seed]![0]!), greedy) || model.ties.includes(seed) ? [] : [seed],
    );
    assert.deepEqual(wrong, []);
  });

  test(`${head}: the five beams are PyTorch’s in 99 of 100 sequences, their scores to 1e-4`, async (t) => {
    const { captions, wanted } = await found(t, model, search.beams);
    let equal = 0;
    for (const [seed, beams] of captions.entries()) {
      assert.equal(beams.length, search.beams);
      for (const [rank, caption] of beams.entries()) {
        const [tokens, score] = wanted[seed]!.beams[rank]!;
        assert.ok(Math.abs(caption.score - score) <= 1e-4, `seed ${seed}, beam ${rank}`);
        if (isEqual(ids(caption), tokens)) equal++;
        // Two of one score may change places.
        else assert.ok(isTied(wanted[seed]!.beams, rank), `seed ${seed}, beam ${rank}: ${ids(caption).join()}`);
      }
    }
    assert.ok(equal >= 0.99 * captions.length * search.beams, `${equal} of ${captions.length * search.beams}`);
  });

  test(`${head}: what is compared ends early, late and not at all, and repeats itself little`, () => {
    const greedy = model.results.map((result) => result.greedy);
    assert.ok(new Set(greedy.map((tokens) => tokens.join())).size > 170);
    const lengths = new Set(greedy.map(({ length }) => length));
    assert.ok(lengths.size >= 15 && lengths.has(search.maxTokens));
    const fresh = greedy.map((tokens) => new Set(tokens).size / tokens.length);
    assert.ok(fresh.reduce((sum, share) => sum + share, 0) / fresh.length > 0.6);
    const other = model.results.filter((result) => !isEqual(result.beams[0]![0], result.greedy));
    assert.ok(other.length > 150, 'beams find what greedy decoding does not');
  });
}

/** Whether the beam beside it has the same score. */
function isTied(beams: readonly (readonly [readonly number[], number])[], rank: number): boolean {
  const score = beams[rank]![1];
  return [beams[rank - 1], beams[rank + 1]].some((other) => other && Math.abs(other[1] - score) < 1e-4);
}

function isEqual(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, index) => id === b[index]);
}
