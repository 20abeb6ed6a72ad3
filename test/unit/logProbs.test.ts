import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { CaptionError } from '@clipcap/protocol/error';
import { loadRow } from '@clipcap/server/inference/logitsKernel';
import { logProbOf, logSumExp, topIndices, topLogProbs } from '@clipcap/server/inference/logProbs';
import { gaussian } from '../randomPack.js';

/** By the runtime's own exponential. */
function exact(values: Float32Array): number {
  const max = values.reduce((largest, value) => Math.max(largest, value));
  return max + Math.log(values.reduce((sum, value) => sum + Math.exp(value - max), 0));
}

for (const spread of [0, 1e-3, 1, 12, 200]) {
  test(`the log of a sum of exponentials is right to 1e-6 for logits that spread by ${spread}`, () => {
    const random = gaussian(7);
    const values = Float32Array.from({ length: 50_257 }, () => -30 + spread * random());
    assert.ok(Math.abs(logSumExp(values) - exact(values)) < 1e-6);
  });
}

// The difference from the largest is where the series is worst, or is rounded.
for (const value of [-0.0466, -7.9, -10.7]) {
  test(`it is right to 1e-6 where one logit is 0.3 and all others are ${value}`, () => {
    const values = new Float32Array(50_257).fill(value);
    values[0] = 0.3;
    assert.ok(Math.abs(logSumExp(values) - exact(values)) < 1e-6);
  });
}

test('a logit of minus infinity has no probability', () => {
  assert.equal(logSumExp(Float32Array.of(2, -Infinity)), 2);
});

const isNoProbability = (error: unknown): boolean => error instanceof CaptionError && error.code === 'inference-failed';

for (const value of [NaN, Infinity]) {
  for (const place of [0, 63, 64, 4999]) {
    test(`a logit of ${value} at ${place} is an error, not a probability`, () => {
      const values = new Float32Array(5000);
      values[place] = value;
      assert.throws(() => logProbOf(values, 0, 5000, 1), isNoProbability);
      assert.throws(() => topLogProbs(values, 0, 5000, 3), isNoProbability);
    });
  }
}

test('logits of minus infinity alone are an error', () => {
  const values = Float32Array.of(-Infinity, -Infinity);
  assert.throws(() => logSumExp(values), isNoProbability);
  assert.throws(() => topLogProbs(values, 0, 2, 1), isNoProbability);
});

test('what is not a number hides no other value of its block', () => {
  const values = new Float32Array(640).fill(-1);
  values[35] = NaN;
  values[51] = 5;
  assert.equal(loadRow(values).maxima[0], 5);
});

/** By sorting all of them. */
function sorted(values: Float32Array, count: number): number[] {
  return Array.from(values.keys())
    .sort((a, b) => values[b]! - values[a]! || a - b)
    .slice(0, count);
}

for (const [name, length] of [
  ['fewer than a block', 40],
  ['whole blocks', 640],
  ['a vocabulary', 50_257],
] as const) {
  for (const count of [1, 5, 40]) {
    test(`the ${count} largest of ${name} are found, ties by lower index`, () => {
      const random = gaussian(11);
      // Rounded, so that many are equal, also across the bound between blocks that are looked through and those that are not.
      const values = Float32Array.from({ length }, () => Math.round(8 * random()) / 8);
      assert.deepEqual([...topIndices(values, count)], sorted(values, count));
    });
  }
}

test('the largest values may stand together', () => {
  const values = Float32Array.from({ length: 6400 }, (_, i) => -Math.abs(i - 3000));
  assert.deepEqual([...topIndices(values, 90)], sorted(values, 90));
});

test('the most probable tokens are those of their row, without those that may not be taken', () => {
  const random = gaussian(13);
  const logits = Float32Array.from({ length: 10_000 }, () => 4 * random());
  const row = logits.subarray(5000);
  const order = sorted(row, 7);
  const found = topLogProbs(logits, 1, 5000, 5, [order[0]!, order[2]!]);
  assert.deepEqual(
    found.map(({ id }) => id),
    [order[1], ...order.slice(3)],
  );
  for (const { id, logProb } of found) assert.ok(Math.abs(logProb - (row[id]! - exact(row))) < 1e-6);
});

test('where more tokens are asked for than there are, all are found', () => {
  const values = Float32Array.from({ length: 70 }, (_, id) => (id * 37) % 71);
  assert.deepEqual(
    topLogProbs(values, 0, 70, 100, [5]).map(({ id }) => id),
    sorted(values, 70).filter((id) => id !== 5),
  );
});
