import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CheckpointFile } from '@clipcap/models/checkpoints/checkpointFile';
import { fuzz, readOnce } from '../fuzz/fuzz.js';
import { memoryAfterCollection } from '../fuzz/memory.js';
import { fuzzedReaders } from '../fuzz/readers.js';
import { fixture } from '../root.js';

const readers = await fuzzedReaders();
const seed = 4;
let before = 0;

for (const [index, reader] of readers.entries()) {
  test(`${reader.name}: 2,000 broken files (seed ${seed}) are each refused or read, within bounds`, async () => {
    if (index === 0) {
      for (const every of readers) await fuzz(every, seed + 1, 500);
      before = memoryAfterCollection();
    }
    const { findings, accepted } = await fuzz(reader, seed, 2000);
    assert.deepEqual(
      findings.map(({ index: input, what }) => `${input}: ${what}`),
      [],
    );
    // Both happen, or the inputs would say little.
    assert.ok(accepted > 0 && accepted < 2000, `${accepted} were read`);
  });
}

test('after all of them the process has grown by at most 64 MB', () => {
  assert.ok(before > 0);
  assert.ok(memoryAfterCollection() - before <= 64 * 2 ** 20);
});

/** Ways to take as many bytes as a file says, past the one that readers have. */
const bypasses: Readonly<Record<string, (bytes: number) => object>> = {
  'Buffer.alloc': (bytes) => Buffer.alloc(bytes),
  'Buffer.allocUnsafe': (bytes) => Buffer.allocUnsafe(bytes),
  'an ArrayBuffer': (bytes) => new ArrayBuffer(bytes),
  'a typed array': (bytes) => new Float32Array(bytes / 4),
  'a typed array of computed values': (bytes) => Float64Array.from({ length: bytes / 8 }, (_, i) => i),
  'a list': (bytes) => Array.from({ length: bytes / 8 }, (_, i) => i),
};
for (const [way, take] of Object.entries(bypasses)) {
  test(`a reader that takes the memory that its file claims as ${way} is found`, async () => {
    // A fake reader: it does what none may do.
    const reader = {
      name: way,
      make: () => Buffer.alloc(0),
      read: async (file: CheckpointFile) => void take((await file.read(0, 4)).readUInt32LE()),
    };
    const file = Buffer.alloc(16);
    file.writeUInt32LE(1000);
    assert.equal((await readOnce(reader, file)).what, undefined);
    file.writeUInt32LE(2 ** 22);
    assert.equal((await readOnce(reader, file)).what, 'allocates 4194304 bytes for a file of 16');
  });
}

const found = fixture('fuzz');
for (const name of existsSync(found) ? readdirSync(found) : []) {
  test(`${name}, which once broke a reader, is refused or read by all of them`, async () => {
    for (const reader of readers) {
      const { what, ms } = await readOnce(reader, readFileSync(join(found, name)));
      assert.ok(what === undefined || what === 'refused', `${reader.name}: ${what}`);
      assert.ok(ms <= 1000, `${reader.name} takes ${ms} ms`);
    }
  });
}
