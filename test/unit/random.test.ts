import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '@clipcap/server/inference/random';

const words = (random: Random, count: number): number[] => Array.from({ length: count }, () => random.word());

test('words are those of xoshiro128**’s reference implementation', () => {
  assert.deepEqual(words(new Random([1, 2, 3, 4]), 4), [11520, 0, 5927040, 70819200]);
  const other = new Random([0x964d4a0c, 0xd40ab895, 0xad7fdecb, 0x3006f0f0]);
  assert.deepEqual(words(other, 4), [0xf1391922, 0x6fe53806, 0xa5be2840, 0xf510ee70]);
});

test('a seed’s streams are the same for ever, and all different', () => {
  assert.deepEqual(words(Random.of(0, 0), 3), [4187458251, 2444602982, 3872279642]);
  const firsts = [0, 1, 2, 2 ** 32 - 1].flatMap((seed) => [0, 1, 2].map((stream) => words(Random.of(seed, stream), 2)));
  assert.equal(new Set(firsts.map(String)).size, firsts.length);
});

test('numbers are spread evenly over 0 … 1', () => {
  const random = Random.of(7, 0);
  const counts = Array.from({ length: 64 }, () => 0);
  for (let i = 0; i < 64_000; i++) {
    const value = random.uniform();
    assert.ok(value >= 0 && value < 1);
    counts[Math.floor(value * 64)]! += 1;
  }
  const chiSquare = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
  // 63 degrees of freedom: above 103.4 in one of a thousand seeds.
  assert.ok(chiSquare < 103.4, `${chiSquare}`);
});
