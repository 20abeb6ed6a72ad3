/** What makes a build older than its sources. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { root } from '../root.js';

test('a change of any file of ours that was bundled makes a new build', async () => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is wrong with it shows in what is asked of it
  const { sourceFiles } = (await import(pathToFileURL(join(root, 'scripts', 'sourceFiles.mjs')).href)) as {
    readonly sourceFiles: (folder: string) => readonly string[];
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own build wrote it
  const inputs = JSON.parse(await readFile(join(root, 'dist', 'metafile.json'), 'utf8')) as readonly string[];
  const ours = inputs.filter((path) => !path.includes('node_modules/'));
  assert.ok(ours.includes('models/owner.ts'));
  const watched = new Set(sourceFiles(root));
  assert.deepEqual(
    ours.filter((path) => !watched.has(path)),
    [],
  );
});
