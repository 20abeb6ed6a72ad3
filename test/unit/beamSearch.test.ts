import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { beamSearch } from '@clipcap/server/inference/beamSearch';
import type { FoundCaption, Steps } from '@clipcap/server/inference/search';
import { logitsAfter, logSoftmax, noCheck, RandomSteps, vocabulary } from '../randomSteps.js';

/**
 * The reference's beam search for one image, line by line: all beams take part in every step, a finished one with
 * probability 1 for token 0, over full rows of the vocabulary.
 */
function reference(
  seed: number,
  image: number,
  beams: number,
  maxTokens: number,
  stopTokens: readonly number[],
): { tokens: number[]; score: number }[] {
  const topK = (values: readonly number[]): number[] =>
    values
      .map((_, i) => i)
      .sort((a, b) => values[b]! - values[a]! || a - b)
      .slice(0, beams);
  let tokens: number[][] = [];
  let scores: number[] = [];
  let lengths = Array.from({ length: beams }, () => 1);
  let stopped = Array.from({ length: beams }, () => false);
  for (let i = 0; i < maxTokens; i++) {
    if (i === 0) {
      const logProbs = logSoftmax(logitsAfter(seed, image, []));
      const next = topK(logProbs);
      scores = next.map((id) => logProbs[id]!);
      tokens = next.map((id) => [id]);
    } else {
      const sums = tokens.map((before, beam) =>
        (stopped[beam]
          ? Array.from({ length: vocabulary }, (_, id) => (id === 0 ? 0 : -Infinity))
          : logSoftmax(logitsAfter(seed, image, before))
        ).map((logProb) => scores[beam]! + logProb),
      );
      lengths = lengths.map((length, beam) => (stopped[beam] ? length : length + 1));
      const averages = sums.flatMap((row, beam) => row.map((sum) => sum / lengths[beam]!));
      const best = topK(averages);
      const sources = best.map((index) => Math.floor(index / vocabulary));
      lengths = sources.map((source) => lengths[source]!);
      tokens = best.map((index, beam) => [...tokens[sources[beam]!]!, index % vocabulary]);
      scores = best.map((index, beam) => averages[index]! * lengths[beam]!);
      stopped = sources.map((source) => stopped[source]!);
    }
    stopped = stopped.map((was, beam) => was || stopTokens.includes(tokens[beam]!.at(-1)!));
    if (stopped.every(Boolean)) break;
  }
  return tokens
    .map((all, beam) => ({ tokens: all.slice(0, lengths[beam]), score: scores[beam]! / lengths[beam]! }))
    .sort((a, b) => b.score - a.score);
}

function assertSameCaptions(
  found: readonly FoundCaption[],
  expected: readonly { tokens: number[]; score: number }[],
): void {
  assert.deepEqual(
    found.map(({ tokens }) => tokens.map(({ id }) => id)),
    expected.map(({ tokens }) => tokens),
  );
  for (const [i, { score }] of found.entries()) assert.ok(Math.abs(score - expected[i]!.score) < 1e-6);
}

const searches = fc.record({
  seed: fc.nat(2 ** 31),
  images: fc.integer({ min: 1, max: 4 }),
  beams: fc.integer({ min: 1, max: 6 }),
  maxTokens: fc.integer({ min: 1, max: 9 }),
  stopTokens: fc.uniqueArray(fc.nat(vocabulary - 1), { minLength: 1, maxLength: 4 }),
});

test('given any logits, a batch of images gives each the captions and scores of the reference', async () => {
  await fc.assert(
    fc.asyncProperty(searches, async ({ seed, images, beams, maxTokens, stopTokens }) => {
      const options = { images, beams, maxTokens, vocabulary, stopTokens };
      const found = await beamSearch(new RandomSteps(seed, images), options, noCheck);
      assert.equal(found.length, images);
      for (const [image, ofImage] of found.entries()) {
        assertSameCaptions(ofImage, reference(seed, image, beams, maxTokens, stopTokens));
      }
    }),
    { numRuns: 300 },
  );
});

test('a caption’s score is the mean of its tokens’ log-probabilities under the full softmax', async () => {
  await fc.assert(
    fc.asyncProperty(searches, async ({ seed, images, beams, maxTokens, stopTokens }) => {
      const options = { images, beams, maxTokens, vocabulary, stopTokens };
      const found = await beamSearch(new RandomSteps(seed, images), options, noCheck);
      for (const [image, ofImage] of found.entries()) {
        for (const { tokens, score } of ofImage) {
          const ids = tokens.map(({ id }) => id);
          const logProbs = ids.map((id, i) => logSoftmax(logitsAfter(seed, image, ids.slice(0, i)))[id]!);
          for (const [i, logProb] of logProbs.entries()) assert.ok(Math.abs(tokens[i]!.logProb - logProb) < 1e-6);
          assert.ok(Math.abs(score - logProbs.reduce((sum, value) => sum + value, 0) / ids.length) < 1e-6);
        }
      }
    }),
    { numRuns: 100 },
  );
});

test('one beam is greedy decoding', async () => {
  const stopTokens = [3];
  const options = { images: 1, beams: 1, maxTokens: 30, vocabulary, stopTokens };
  const [ofImage] = await beamSearch(new RandomSteps(5, 1), options, noCheck);
  const [found] = ofImage!;
  const greedy: number[] = [];
  while (greedy.length < 30 && greedy.at(-1) !== 3) {
    const logits = logitsAfter(5, 0, greedy);
    greedy.push(logits.indexOf(Math.max(...logits)));
  }
  assert.deepEqual(
    found!.tokens.map(({ id }) => id),
    greedy,
  );
});

test('finished beams and images take no more steps', async () => {
  const steps = new RandomSteps(12, 3);
  await beamSearch(steps, { images: 3, beams: 4, maxTokens: 40, vocabulary, stopTokens: [0, 1, 2, 3] }, noCheck);
  const [first, second, ...rest] = steps.rowsPerStep;
  assert.equal(first, 3);
  assert.ok(second! < 12 && rest.at(-1)! < 4, steps.rowsPerStep.join(' '));
  assert.ok(
    rest.every((rows) => rows > 0),
    'no step without rows',
  );
});

test('equal logits are taken in the order of token ids', async () => {
  const even: Steps = {
    first: async () => new Float32Array(vocabulary),
    next: async (rows) => new Float32Array(rows.length * vocabulary),
  };
  const [found] = await beamSearch(even, { images: 1, beams: 3, maxTokens: 2, vocabulary, stopTokens: [10] }, noCheck);
  assert.deepEqual(
    found!.map(({ tokens }) => tokens.map(({ id }) => id)),
    [
      [0, 0],
      [0, 1],
      [0, 2],
    ],
  );
});

test('what the checkpoint throws ends the search before the next step', async () => {
  const steps = new RandomSteps(1, 1);
  let checks = 0;
  const cancelled = new Error('cancelled');
  const search = beamSearch(steps, { images: 1, beams: 2, maxTokens: 20, vocabulary, stopTokens: [] }, async () => {
    if (++checks === 3) throw cancelled;
  });
  await assert.rejects(search, cancelled);
  assert.equal(steps.rowsPerStep.length, 2);
});

test('logits that are no numbers are an error, not a caption', async () => {
  const broken: Steps = {
    first: async () => new Float32Array(vocabulary).fill(NaN),
    next: async () => new Float32Array(),
  };
  const search = beamSearch(broken, { images: 1, beams: 2, maxTokens: 5, vocabulary, stopTokens: [1] }, noCheck);
  await assert.rejects(search, { code: 'inference-failed' });
});
