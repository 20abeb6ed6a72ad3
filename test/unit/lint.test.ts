/** The lint is only worth its time if it sees types: a promise that nobody waits for must fail it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { root } from '../root.js';

test('given a floating promise, when the lint runs, then it fails and names the rule', () => {
  const run = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/oxlint/bin/oxlint'),
      '--type-aware',
      '--config',
      'test/fixtures/lint/oxlint.json',
      'test/fixtures/lint/floatingPromise.ts',
    ],
    { cwd: root, encoding: 'utf8' },
  );
  assert.notEqual(run.status, 0);
  assert.match(run.stdout, /no-floating-promises/);
});
