import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readSafetensors } from '@clipcap/models/pack/safetensors';
import { temporaryFolder } from '../temporaryFolder.js';
import { safetensorsBytes } from '../writeSafetensors.js';

async function fileOf(t: TestContext, bytes: Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(t), 'weights.safetensors');
  await writeFile(path, bytes);
  return path;
}

const four = { dtype: 'F32', shape: [1], data_offsets: [0, 4] };

test('a header gives each tensor’s type, shape and place in the file, and its writer’s notes', async (t) => {
  const header = {
    __metadata__: { format: 'pt' },
    half: { dtype: 'F16', shape: [2, 3], data_offsets: [4, 16] },
    __proto: { dtype: 'I8', shape: [], data_offsets: [16, 17] },
    float: four,
  };
  const bytes = safetensorsBytes(header, new Uint8Array(17));
  const { tensors, metadata } = await readSafetensors(await fileOf(t, bytes));
  const start = bytes.length - 17;
  assert.deepEqual(
    [...tensors.values()],
    [
      { name: 'half', dtype: 'F16', shape: [2, 3], offset: start + 4, length: 12 },
      { name: '__proto', dtype: 'I8', shape: [], offset: start + 16, length: 1 },
      { name: 'float', dtype: 'F32', shape: [1], offset: start, length: 4 },
    ],
  );
  assert.deepEqual(metadata, { format: 'pt' });
});

test('an empty tensor takes no bytes', async (t) => {
  const header = { none: { dtype: 'F32', shape: [0, 5], data_offsets: [0, 0] }, one: four };
  const { tensors } = await readSafetensors(await fileOf(t, safetensorsBytes(header, new Uint8Array(4))));
  assert.equal(tensors.get('none')?.length, 0);
});

const oversized = Buffer.alloc(16);
oversized.writeBigUInt64LE(2n ** 63n);
const cut = Buffer.alloc(16);
cut.writeBigUInt64LE(100n);

const malformed: readonly (readonly [what: string, bytes: Uint8Array, message: RegExp])[] = [
  ['shorter than a header’s length', Buffer.from('abc'), /it has 3 bytes/],
  ['whose header claims too much', oversized, /header claims 9223372036854775808 bytes/],
  ['whose header is cut off', cut, /longer than the file/],
  ['whose header is not JSON', Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{]')]), /not JSON/],
  ['whose header is an array', safetensorsBytes([]), /not a JSON object/],
  ['with an unknown element type', safetensorsBytes({ a: { ...four, dtype: 'F8_E4M3' } }), /"a" is of type F8_E4M3/],
  [
    'with an inherited name as type',
    safetensorsBytes({ a: { ...four, dtype: 'toString' } }),
    /"a" is of type toString/,
  ],
  ['with a null entry', safetensorsBytes({ a: null }), /"a": /],
  ['with a negative dimension', safetensorsBytes({ a: { ...four, shape: [-1] } }), /"a": shape\.0: /],
  ['with a fractional dimension', safetensorsBytes({ a: { ...four, shape: [0.5] } }), /"a": shape\.0: /],
  ['with one offset', safetensorsBytes({ a: { ...four, data_offsets: [0] } }), /"a": data_offsets: /],
  [
    'whose bytes do not fit the shape',
    safetensorsBytes({ a: { ...four, shape: [2] } }, new Uint8Array(8)),
    /has 4 bytes, not 8/,
  ],
  ['whose tensor ends after the file', safetensorsBytes({ a: four }, new Uint8Array(3)), /"a" ends at byte/],
  [
    'with overlapping tensors',
    safetensorsBytes({ a: four, b: { dtype: 'F16', shape: [2], data_offsets: [2, 6] } }, new Uint8Array(6)),
    /"a" and "b" overlap/,
  ],
];

for (const [what, bytes, message] of malformed) {
  test(`a file ${what} is refused by name`, async (t) => {
    await assert.rejects(readSafetensors(await fileOf(t, bytes)), (error: Error & { code: string }) => {
      assert.equal(error.code, 'pack-invalid');
      assert.match(error.message, /^weights\.safetensors is not a valid safetensors file/);
      assert.match(error.message, message);
      return true;
    });
  });
}
