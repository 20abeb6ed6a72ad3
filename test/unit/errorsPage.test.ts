import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { errorCodes } from '@clipcap/protocol/caption';
import { root } from '../root.js';

test('docs/errors.md lists every error code, each once, and no other', () => {
  const page = readFileSync(join(root, 'docs', 'errors.md'), 'utf8');
  const listed = Array.from(page.matchAll(/^\| `([a-z-]+)` +\|/gmu), ([, code]) => code);
  assert.equal(new Set(listed).size, listed.length);
  assert.deepEqual(new Set(listed), new Set<string | undefined>(errorCodes));
});
