import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { CaptionError } from '@clipcap/protocol/error';
import { logSumExp, maximum } from '@clipcap/server/inference/logProbs';
import { gaussian } from '../randomPack.js';

/** By the runtime's own exponential. */
function exact(values: Float32Array): number {
  const max = maximum(values);
  return max + Math.log(values.reduce((sum, value) => sum + Math.exp(value - max), 0));
}

for (const spread of [0, 1e-3, 1, 12, 200]) {
  test(`the log of a sum of exponentials is right to 1e-10 for logits that spread by ${spread}`, () => {
    const random = gaussian(7);
    const values = Float32Array.from({ length: 50_257 }, () => -30 + spread * random());
    assert.ok(Math.abs(logSumExp(values, maximum(values)) - exact(values)) < 1e-10);
  });
}

test('a logit of minus infinity has no probability', () => {
  assert.equal(logSumExp(Float32Array.of(2, -Infinity), 2), 2);
});

for (const value of [NaN, Infinity]) {
  test(`a logit of ${value} is an error, not a probability`, () => {
    const values = Float32Array.of(1, value, 2);
    assert.throws(
      () => logSumExp(values, maximum(values)),
      (error: unknown) => error instanceof CaptionError && error.code === 'inference-failed',
    );
  });
}
