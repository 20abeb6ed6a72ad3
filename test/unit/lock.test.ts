import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../root.js';

/** Of two copies of vscode-jsonrpc, one refuses the other's request types; of the native ones, both would be shipped. */
for (const name of ['vscode-jsonrpc', 'onnxruntime-node', 'sharp']) {
  test(`the lock file holds one copy of ${name}`, async () => {
    const lock: unknown = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8'));
    assert.ok(typeof lock === 'object' && lock !== null && 'packages' in lock);
    const { packages } = lock;
    assert.ok(typeof packages === 'object' && packages !== null);
    const copies = Object.keys(packages).filter((path) => path.endsWith(`node_modules/${name}`));
    assert.equal(copies.length, 1, copies.join(', '));
  });
}
