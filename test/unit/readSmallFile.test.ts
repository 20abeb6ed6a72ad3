import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { NoSmallFile, readSmallFile } from '@clipcap/models/readSmallFile';
import { temporaryFolder } from '../temporaryFolder.js';

test('a file of as many bytes as are allowed is read, one of more is not', async (t) => {
  const file = join(await temporaryFolder(t), 'file');
  await writeFile(file, '€uro');
  assert.equal(await readSmallFile(file, 6), '€uro');
  await assert.rejects(readSmallFile(file, 5), new NoSmallFile('has 6 bytes, at most 5 are read'));
});
