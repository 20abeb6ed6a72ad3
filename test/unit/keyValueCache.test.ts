/** The cache of keys and values: rows that are only added, in our memory or in the tensors of ONNX Runtime. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tensor } from 'onnxruntime-node';
import { gpt2Step } from '@clipcap/models/graphs/gpt2';
import { openPack } from '@clipcap/models/pack/openPack';
import {
  cacheBytes,
  DeviceCache,
  emptyPast,
  HostCache,
  type KeyValueCache,
} from '@clipcap/server/inference/keyValueCache';
import { createSession, output, run } from '@clipcap/server/inference/provider';
import { gaussian, writeRandomPack } from '../randomPack.js';
import { temporaryFolder } from '../temporaryFolder.js';

const model = { layers: 1, width: 2 };

/** Rows 2·n and 2·n + 1 are n, negative for values. */
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

/** What a sequence attends to does not depend on where it lies, on who else is computed, or on who keeps the rows. */
test('sequences that share rows, and swap places, have the logits of each by itself', async (t) => {
  const { folder, manifest } = await writeRandomPack(await temporaryFolder(t), { layers: 2 });
  const { languageModel } = manifest;
  const { width, vocabulary } = languageModel;
  const pack = await openPack(folder);
  const session = await createSession(gpt2Step(languageModel, pack.weights), 'cpu', folder);
  t.after(() => session.release());
  const prefix = Float32Array.from({ length: 3 * width }, gaussian(3));

  const step = async (
    cache: KeyValueCache,
    embeds: number,
    ids: readonly number[][],
    attended: readonly number[][],
  ) => {
    const [rows, positions] = [attended.length, attended[0]!.length];
    const feeds = {
      inputs_embeds: new Tensor('float32', embeds === 0 ? new Float32Array() : prefix, [rows, embeds, width]),
      input_ids: new Tensor('int64', BigInt64Array.from(ids.flat(), BigInt), [rows, ids[0]?.length ?? 0]),
      attended: new Tensor(
        'int32',
        Int32Array.from({ length: rows * positions }, (_, i) => attended[i % rows]![Math.floor(i / rows)]!),
        [positions, rows],
      ),
      ...cache.feeds(),
    };
    const outputs = await run(session, feeds, ['logits', ...cache.outputs]);
    cache.take(outputs);
    return output(outputs, 'logits', 'float32').data.slice();
  };
  const alone = async (ids: readonly number[]): Promise<Float32Array> => {
    const positions = Array.from({ length: 3 + ids.length }, (_, position) => position);
    return step(new HostCache(languageModel), 3, [[...ids]], [positions]);
  };

  for (const cache of [new HostCache(languageModel), new DeviceCache(languageModel)]) {
    await step(cache, 3, [[]], [[0, 1, 2]]);
    await step(
      cache,
      0,
      [[7], [9]],
      [
        [0, 1, 2, 3],
        [0, 1, 2, 4],
      ],
    );
    // Two continue the second, with one between them that continues the first.
    const logits = await step(
      cache,
      0,
      [[11], [12], [13]],
      [
        [0, 1, 2, 4, 5],
        [0, 1, 2, 3, 6],
        [0, 1, 2, 4, 7],
      ],
    );
    assert.equal(cache.rows, 8);
    for (const [row, ids] of [
      [9, 11],
      [7, 12],
      [9, 13],
    ].entries()) {
      const found = logits.subarray(row * vocabulary, (row + 1) * vocabulary);
      const expected = await alone(ids);
      const error = Math.max(...found.map((value, index) => Math.abs(value - expected[index]!)));
      assert.ok(error < 1e-5, `row ${row}: ${error}`);
    }
    cache.dispose();
  }
});

test('before anything was computed there are no rows', () => {
  for (const tensor of Object.values(emptyPast(model))) assert.deepEqual(tensor.dims, [0, model.width]);
});
