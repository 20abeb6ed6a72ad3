import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verdict, type Figure } from '../bench/statistics.js';

function of(median: number): Figure {
  return { median, min: 0, max: 1000 };
}

test('a goal is met by the median, its bound included', () => {
  assert.deepEqual(
    [verdict(of(60), '≤ 60'), verdict(of(60.1), '≤ 60'), verdict(of(20), '≥ 20'), verdict(of(1.49), '≥ 1.5')],
    ['met', 'missed', 'met', 'missed'],
  );
});
