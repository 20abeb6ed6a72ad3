import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { filter, sample, type Filters } from '@clipcap/server/inference/sampling';
import { constantSteps, idsOf, logitsAfter, logSoftmax, noCheck, RandomSteps, vocabulary } from '../randomSteps.js';

const all: Filters = { temperature: 1, topP: 1 };

/** What is left as probabilities by id. */
function probabilities(logits: readonly number[], filters: Filters, without?: readonly number[]): number[] {
  const { ids, weights } = filter(Float32Array.from(logits), filters, without);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return logits.map((_, id) => (ids.includes(id) ? weights[ids.indexOf(id)]! / total : 0));
}

const kept = (logits: readonly number[], filters: Filters): readonly number[] => [
  ...filter(Float32Array.from(logits), filters).ids,
];

/** Above this in one of a thousand seeds, by degrees of freedom. */
const critical: Readonly<Record<number, number>> = { 5: 20.52, 7: 24.32, 11: 31.26 };

for (const [name, filters, degrees] of [
  ['everything', all, 11],
  ['a sharper distribution', { temperature: 0.6, topP: 1 }, 11],
  ['the 8 most probable', { temperature: 1.4, topP: 1, topK: 8 }, 7],
  ['a nucleus', { temperature: 1, topP: 0.9 }, 7],
  ['all filters', { temperature: 1.2, topK: 7, topP: 0.9 }, 5],
] as const) {
  test(`tokens are drawn as often as they are probable: ${name}`, async () => {
    const logits = [2, 0.3, 1.1, -0.5, 1.9, 0, 0.8, -0.2, 0.5, 1.4, -1, 0.1];
    const draws = 20_000;
    const options = { ...filters, images: 1, vocabulary: 12, stopTokens: [], maxTokens: 1, seed: 11, draws };
    const [found] = await sample(constantSteps(logits), options, noCheck);
    const expected = probabilities(logits, filters);
    const counts = logits.map((_, id) => found!.filter((caption) => idsOf(caption)[0] === id).length);
    assert.equal(expected.filter((p) => p > 0).length - 1, degrees);
    let chiSquare = 0;
    for (const [id, p] of expected.entries()) {
      if (p === 0) assert.equal(counts[id], 0, `token ${id}`);
      else chiSquare += (counts[id]! - draws * p) ** 2 / (draws * p);
    }
    assert.ok(chiSquare < critical[degrees]!, `χ² = ${chiSquare}`);
  });
}

test('whole captions are drawn as often as the product of their tokens’ probabilities says', async () => {
  const draws = 20_000;
  const options = { ...all, temperature: 0.7, images: 1, vocabulary, stopTokens: [], maxTokens: 2, seed: 5, draws };
  const [found] = await sample(new RandomSteps(9, 1), options, noCheck);
  const counts = new Map<string, number>();
  for (const caption of found!) counts.set(idsOf(caption).join(), (counts.get(idsOf(caption).join()) ?? 0) + 1);
  const after = (tokens: readonly number[]): number[] => probabilities([...logitsAfter(9, 0, tokens)], options);
  let rest = 0;
  let restCount = 0;
  let chiSquare = 0;
  let cells = 0;
  for (const [first, p] of after([]).entries()) {
    for (const [second, q] of after([first]).entries()) {
      const expected = draws * p * q;
      const count = counts.get(`${first},${second}`) ?? 0;
      if (expected < 10) {
        rest += expected;
        restCount += count;
      } else {
        chiSquare += (count - expected) ** 2 / expected;
        cells++;
      }
    }
  }
  chiSquare += (restCount - rest) ** 2 / rest;
  // Wilson and Hilferty's approximation of the 99.9 % quantile for `cells` degrees of freedom.
  const quantile = cells * (1 - 2 / (9 * cells) + 3.09 * Math.sqrt(2 / (9 * cells))) ** 3;
  assert.ok(cells > 10 && chiSquare < quantile, `χ² = ${chiSquare} of ${cells} cells, limit ${quantile}`);
});

const rows = fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 1, maxLength: 30 });

test('top-k keeps the k most probable tokens and those as probable as the last of them', () => {
  fc.assert(
    fc.property(rows, fc.integer({ min: 1, max: 40 }), (logits, topK) => {
      const least = [...logits].sort((a, b) => b - a)[Math.min(topK, logits.length) - 1]!;
      const expected = logits.flatMap((value, id) => (value >= least ? [id] : []));
      assert.deepEqual(kept(logits, { ...all, topK }), expected);
    }),
  );
  assert.deepEqual(kept([1, 3, 2, 2, 2, 0], { ...all, topK: 2 }), [1, 2, 3, 4]);
});

test('top-p keeps the fewest tokens that reach the mass: without the last of them it is not reached', () => {
  fc.assert(
    fc.property(rows, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (logits, topP) => {
      const exact = probabilities(logits, all);
      const ids = kept(logits, { ...all, topP });
      const mass = ids.reduce((sum, id) => sum + exact[id]!, 0);
      const least = Math.min(...ids.map((id) => exact[id]!));
      assert.ok(mass >= topP - 1e-9);
      assert.ok(mass - least < topP + 1e-9);
      assert.ok(
        exact.every((p, id) => ids.includes(id) || p <= least),
        'no token that is left out is more probable',
      );
    }),
  );
  assert.deepEqual(kept([0, 0, 0, 0], { ...all, topP: 0.5 }), [0, 1], 'of equal tokens the first ones');
});

test('filters work on what the filter before has left: temperature, then top-k, then top-p', () => {
  const logits = [4, 3, 2, 1, 0];
  // At temperature 10 the three best are nearly even, so that 0.6 of them is two.
  assert.deepEqual(kept(logits, { temperature: 10, topK: 3, topP: 0.6 }), [0, 1]);
  assert.deepEqual(kept(logits, { temperature: 1, topK: 3, topP: 0.6 }), [0]);
  assert.deepEqual(kept(logits, { temperature: 10, topP: 0.6 }), [0, 1, 2]);
});

test('log-probabilities are those of the full softmax, not of what was drawn from', async () => {
  const options = {
    temperature: 0.3,
    topK: 3,
    topP: 0.8,
    images: 2,
    vocabulary,
    stopTokens: [1],
    maxTokens: 6,
    seed: 2,
  };
  const found = await sample(new RandomSteps(14, 2), { ...options, draws: 3 }, noCheck);
  for (const [image, captions] of found.entries()) {
    for (const { tokens, score } of captions) {
      const ids = tokens.map(({ id }) => id);
      const logProbs = ids.map((id, i) => logSoftmax(logitsAfter(14, image, ids.slice(0, i)))[id]!);
      for (const [i, { logProb }] of tokens.entries()) assert.ok(Math.abs(logProb - logProbs[i]!) < 1e-6);
      assert.ok(Math.abs(score - logProbs.reduce((sum, value) => sum + value, 0) / ids.length) < 1e-6);
    }
  }
});

/** The captions of images as text, from a model that knows each image by its number. */
async function draw(images: readonly number[], draws: number, seed = 4): Promise<string[][]> {
  const options = { ...all, images: images.length, vocabulary, stopTokens: [2], maxTokens: 8, seed, draws };
  const found = await sample(new RandomSteps(6, images), options, noCheck);
  return found.map((captions) => captions.map((caption) => idsOf(caption).join()));
}

test('a caption depends on its image, the seed and its number alone, not on other images or more captions', async () => {
  const together = await draw([0, 1, 2], 4);
  assert.deepEqual(together, await draw([0, 1, 2], 4), 'again');
  assert.deepEqual([together[1]], await draw([1], 4));
  const [first] = await draw([1], 1);
  assert.ok(together[1]!.includes(first![0]!));
  assert.notDeepEqual(together, await draw([0, 1, 2], 4, 5));
});

test('draws come best score first, and the same caption may be drawn twice', async () => {
  const options = { ...all, images: 1, vocabulary: 3, stopTokens: [0], maxTokens: 3, seed: 1, draws: 40 };
  const [found] = await sample(constantSteps([1, 0, 0.5]), options, noCheck);
  const scores = found!.map(({ score }) => score);
  assert.equal(scores.length, 40);
  assert.deepEqual(
    scores,
    [...scores].sort((a, b) => b - a),
  );
  assert.ok(new Set(found!.map((caption) => idsOf(caption).join())).size < 40);
});

test('a finished draw takes no more steps', async () => {
  const steps = new RandomSteps(2, 2);
  const options = { ...all, images: 2, vocabulary, stopTokens: [0, 1, 2, 3], maxTokens: 30, seed: 3, draws: 5 };
  await sample(steps, options, noCheck);
  const [first, second, ...rest] = steps.rowsPerStep;
  assert.equal(first, 2);
  assert.ok(
    second! < 10 && rest.every((rowCount) => rowCount > 0) && rest.at(-1)! < second!,
    steps.rowsPerStep.join(' '),
  );
});

test('logits that are no numbers are an error, not a caption', async () => {
  const options = { ...all, images: 1, vocabulary: 3, stopTokens: [0], maxTokens: 3, seed: 1, draws: 1 };
  await assert.rejects(sample(constantSteps([NaN, 1, 2]), options, noCheck), { code: 'inference-failed' });
});
