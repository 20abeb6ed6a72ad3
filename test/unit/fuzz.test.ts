import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
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
