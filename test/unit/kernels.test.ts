import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../root.js';

test('the kernels are those that their sources make', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts', 'kernel.mjs')], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});
