/** The cache of keys and values: rows that are only added, in our memory or in the tensors of ONNX Runtime. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tensor } from 'onnxruntime-node';
import { cacheBytes, emptyPast, HostCache } from '@clipcap/server/inference/keyValueCache';
import { output } from '@clipcap/server/inference/provider';

const model = { layers: 1, width: 2 };

/** Row i is [first + i, first + i], negated in the values. */
function rowsFrom(first: number, count: number): Record<string, Tensor> {
  const values = Array.from({ length: 2 * count }, (_, index) => first + Math.floor(index / 2));
  return {
    added_key_0: new Tensor('float32', Float32Array.from(values), [count, 2]),
    added_value_0: new Tensor(
      'float32',
      Float32Array.from(values, (value) => -value),
      [count, 2],
    ),
  };
}

test('rows are added in order, and all are there however often the room for them has grown', () => {
  const cache = new HostCache(model);
  assert.deepEqual(cache.outputs, ['added_key_0', 'added_value_0']);
  let rows = 0;
  for (const count of [10, 5, ...Array.from({ length: 60 }, () => 3)]) {
    cache.take(rowsFrom(rows, count));
    rows += count;
    assert.equal(cache.rows, rows);
    const keys = output(cache.feeds(), 'past_key_0', 'float32');
    const values = output(cache.feeds(), 'past_value_0', 'float32');
    const expected = Float32Array.from({ length: 2 * rows }, (_, index) => Math.floor(index / 2));
    assert.deepEqual(keys.dims, [rows, 2]);
    assert.deepEqual(keys.data, expected);
    assert.deepEqual(
      values.data,
      expected.map((value) => -value),
    );
  }
});

test('rows that are forgotten make room: the others keep their order and become the first', () => {
  const cache = new HostCache(model);
  cache.take(rowsFrom(0, 6));
  cache.retain([1, 2, 5]);
  cache.take(rowsFrom(6, 1));
  assert.equal(cache.rows, 4);
  assert.deepEqual(output(cache.feeds(), 'past_key_0', 'float32').data, Float32Array.of(1, 1, 2, 2, 5, 5, 6, 6));
});

test('the room is at most what cacheBytes says, at any step of long captions', () => {
  for (const [prefix, beams, tokens] of [
    [10, 5, 40],
    [10, 1, 67],
    [40, 8, 67],
  ] as const) {
    const cache = new HostCache(model);
    cache.take(rowsFrom(0, prefix));
    for (let token = 1; token <= tokens; token++) {
      cache.take(rowsFrom(0, beams));
      const feeds = cache.feeds();
      const parts = ['past_key_0', 'past_value_0'].map((name) => output(feeds, name, 'float32').data.buffer.byteLength);
      const room = parts[0]! + parts[1]!;
      assert.ok(room <= cacheBytes(model, prefix + beams * tokens), `${prefix} ${beams} ${token}: ${room}`);
    }
  }
});

test('before anything was computed there are no rows', () => {
  for (const tensor of Object.values(emptyPast(model))) assert.deepEqual(tensor.dims, [0, model.width]);
});
