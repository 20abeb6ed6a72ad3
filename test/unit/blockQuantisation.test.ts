import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blocksOf, dequantiseBlocks, quantiseBlocks } from '@clipcap/models/pack/blockQuantisation';
import { gaussian } from '../randomPack.js';

const columns = 80;
const random = gaussian(11);
const rows = Float32Array.from({ length: 7 * columns }, random);

for (const bits of [8, 4] as const) {
  test(`${bits}-bit blocks keep every value to half a step of its block, a step being its largest magnitude / ${2 ** (bits - 1)}`, () => {
    const quantised = quantiseBlocks(rows, columns, bits);
    const kept = dequantiseBlocks(quantised, columns, bits);
    assert.equal(kept.length, rows.length);
    for (const [i, value] of rows.entries()) {
      const start = i - ((i % columns) % 32);
      const block = rows.subarray(start, Math.min(start + 32, i - (i % columns) + columns));
      const largest = Math.max(...block.map(Math.abs));
      const step = largest / 2 ** (bits - 1);
      // The side without the extreme has a step less to go.
      const isCut = Math.abs(value) > largest - step;
      assert.ok(Math.abs(value - kept[i]!) <= step * (isCut ? 1 : 0.5) * 1.0001, `value ${i}`);
    }
  });

  test(`${bits}-bit rows are the same however many go through at once`, () => {
    const whole = quantiseBlocks(rows, columns, bits);
    const parts = [rows.subarray(0, 3 * columns), rows.subarray(3 * columns)].map((part) =>
      quantiseBlocks(part, columns, bits),
    );
    assert.deepEqual(Buffer.concat(parts.map(({ packed }) => packed)), Buffer.from(whole.packed));
    assert.deepEqual([...parts[0]!.scales, ...parts[1]!.scales], [...whole.scales]);
  });
}

test('of two 4-bit values the first is the lower half, the last block is padded with zeros', () => {
  const { packed, scales } = quantiseBlocks(Float32Array.from([-8, 7, 1, 0, -3]), 5, 4);
  assert.deepEqual([...scales], [1]);
  assert.deepEqual([...packed], [0xf0, 0x89, 0x85, ...Array.from({ length: 13 }, () => 0x88)]);
});

test('a block of zeros stays zero', () => {
  const { packed, scales } = quantiseBlocks(new Float32Array(32), 32, 8);
  assert.deepEqual([...scales], [-0]);
  assert.ok(packed.every((byte) => byte === 128));
  assert.equal(blocksOf(33), 2);
});
