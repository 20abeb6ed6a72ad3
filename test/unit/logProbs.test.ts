import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { CaptionError } from '@clipcap/protocol/error';
import { logSumExp, topIndices } from '@clipcap/server/inference/logProbs';
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

test('a logit of minus infinity has no probability', () => {
  assert.equal(logSumExp(Float32Array.of(2, -Infinity)), 2);
});

for (const value of [NaN, Infinity]) {
  test(`a logit of ${value} is an error, not a probability`, () => {
    const values = Float32Array.of(1, value, 2);
    assert.throws(
      () => logSumExp(values),
      (error: unknown) => error instanceof CaptionError && error.code === 'inference-failed',
    );
  });
}

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
  assert.deepEqual([...topIndices(values, 200)], sorted(values, 200));
});
