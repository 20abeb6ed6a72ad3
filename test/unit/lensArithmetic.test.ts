/** The small algorithms behind the Prefix Lens's pictures. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusters } from '@clipcap/server/inference/lens/clusters';
import { principalComponents } from '@clipcap/server/inference/lens/principalComponents';
import { rollout } from '@clipcap/server/inference/lens/rollout';
import { wordChanges } from '@clipcap/server/inference/lens/wordChanges';
import { gaussian } from '../randomPack.js';

test('points in a plane keep their distances and all their variance on two components', () => {
  const random = gaussian(1);
  const [a, b] = [Array.from({ length: 50 }, random), Array.from({ length: 50 }, random)];
  const flat = Array.from({ length: 20 }, () => [3 * random(), random()] as const);
  const points = flat.map(([x, y]) => a.map((value, i) => 7 + x * value + y * b[i]!));
  const { points: placed, explained } = principalComponents(points);
  assert.ok(Math.abs(explained[0] + explained[1] - 1) < 1e-9);
  for (const [i, one] of points.entries()) {
    for (const [j, other] of points.entries()) {
      const far = Math.hypot(...one.map((value, at) => value - other[at]!));
      const drawn = Math.hypot(placed[i]!.x - placed[j]!.x, placed[i]!.y - placed[j]!.y);
      assert.ok(Math.abs(far - drawn) < 1e-6);
    }
  }
});

test('components are the eigenvectors: along the axes of points that lie along axes, largest loading positive', () => {
  const points = [
    [4, 0, 0],
    [-4, 0, 0],
    [0, -2, 0],
    [0, 2, 0],
    [0, 0, 1],
    [0, 0, -1],
  ];
  const { points: placed, explained } = principalComponents(points);
  for (const [i, [x, y]] of points.entries()) {
    assert.ok(Math.abs(placed[i]!.x - x!) < 1e-9 && Math.abs(placed[i]!.y - y!) < 1e-9);
  }
  assert.ok(Math.abs(explained[0] - 32 / 42) < 1e-12 && Math.abs(explained[1] - 8 / 42) < 1e-12);
});

test('equal points, and one point alone, are drawn in the middle', () => {
  for (const points of [
    [[1, 2]],
    [
      [1, 2],
      [1, 2],
    ],
  ]) {
    for (const { x, y } of principalComponents(points).points) assert.deepEqual([x, y], [0, 0]);
  }
});

test('two groups of similar items are two clusters, and stand together', () => {
  const groups = [0, 1, 0, 1, 1];
  const similarity = groups.map((a, i) => groups.map((b, j) => (i === j ? 1 : a === b ? 0.9 : 0.1)));
  const { order, cluster } = clusters(similarity);
  assert.deepEqual(
    cluster.map((one) => one === cluster[0]),
    [true, false, true, false, false],
  );
  const along = order.map((item) => groups[item]);
  assert.equal(along.filter((group, i) => i > 0 && group !== along[i - 1]).length, 1);
});

test('one item is one cluster, two are two', () => {
  assert.deepEqual(clusters([[1]]), { order: [0], cluster: [0] });
  assert.deepEqual(
    clusters([
      [1, 0.99],
      [0.99, 1],
    ]).cluster,
    [0, 1],
  );
});

test('words that stayed, went and came are told apart, neighbours together', () => {
  assert.deepEqual(wordChanges('a dog on the grass', 'a black dog on grass'), [
    { kind: 'same', words: 'a' },
    { kind: 'added', words: 'black' },
    { kind: 'same', words: 'dog on' },
    { kind: 'removed', words: 'the' },
    { kind: 'same', words: 'grass' },
  ]);
  assert.deepEqual(wordChanges('', 'a dog'), [{ kind: 'added', words: 'a dog' }]);
  assert.deepEqual(wordChanges('a dog', 'two cats'), [
    { kind: 'removed', words: 'a dog' },
    { kind: 'added', words: 'two cats' },
  ]);
  assert.deepEqual(wordChanges('', ''), []);
});

test('rollout is the product of half the mean attention and half the identity', () => {
  const [layers, heads, tokens] = [3, 2, 5];
  const random = gaussian(2);
  const data = new Float32Array(layers * heads * tokens * tokens);
  for (let row = 0; row < data.length; row += tokens) {
    const exps = Array.from({ length: tokens }, () => Math.exp(random()));
    const total = exps.reduce((sum, value) => sum + value, 0);
    data.set(
      exps.map((value) => value / total),
      row,
    );
  }
  const at = (layer: number, i: number, j: number): number => {
    let mean = 0;
    for (let head = 0; head < heads; head++) mean += data[((layer * heads + head) * tokens + i) * tokens + j]! / heads;
    return (mean + (i === j ? 1 : 0)) / 2;
  };
  const every = [...Array(tokens).keys()];
  let product = every.map((i) => every.map((j) => at(0, i, j)));
  for (let layer = 1; layer < layers; layer++) {
    const before = product;
    product = every.map((i) => every.map((j) => every.reduce((sum, m) => sum + at(layer, i, m) * before[m]![j]!, 0)));
  }
  const shares = rollout({ data, dims: [1, layers, heads, tokens, tokens] });
  assert.deepEqual(
    shares.map((row) => row.length),
    [2, 2],
  );
  for (const [i, share] of shares.flat().entries()) assert.ok(Math.abs(share - product[0]![i + 1]!) < 1e-5);
});
