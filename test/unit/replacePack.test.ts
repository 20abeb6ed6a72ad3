/** The folder of an imported pack, and what becomes of the pack that an import replaces. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs, { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ImportPlan } from '@clipcap/models/import/planImport';
import { writePack } from '@clipcap/models/import/writePack';
import { openPack } from '@clipcap/models/pack/openPack';
import { CaptionError } from '@clipcap/protocol/error';
import { plan } from '../importPlan.js';
import { temporaryFolder } from '../temporaryFolder.js';

/** @param meanwhile is done when the new pack is written and not yet in its place */
async function write(planned: ImportPlan, out: string, meanwhile: () => Promise<void> = () => Promise.resolve()) {
  await writePack(planned, {
    out,
    signal: new AbortController().signal,
    progress: () => undefined,
    embed: () => assert.fail('there are no labels'),
    async check() {
      await meanwhile();
      return undefined;
    },
  });
}

/** A pack, and the plan of the one that replaces it. */
async function replaceable(t: TestContext) {
  const folder = await temporaryFolder(t);
  const out = join(folder, 'pack');
  await write(await plan(t, { id: 'old' }), out);
  return { folder, out, next: await plan(t, { id: 'new' }) };
}

async function idOf(out: string): Promise<string> {
  return (await openPack(out)).manifest.id;
}

test('a pack is open to whom any new folder is open', async (t) => {
  const { folder, out } = await replaceable(t);
  const usual = join(folder, 'usual');
  await mkdir(usual);
  assert.equal((await stat(out)).mode, (await stat(usual)).mode);
});

test('a file that is put into the old pack while the new one is written is kept, and so is the old pack', async (t) => {
  const { folder, out, next } = await replaceable(t);
  const notes = join(out, 'notes.txt');
  await assert.rejects(
    write(next, out, () => writeFile(notes, 'mine')),
    (error) => {
      assert.ok(error instanceof CaptionError);
      assert.equal(error.code, 'usage');
      const message = `${out} holds notes.txt, which is not part of the pack in it. Name a new folder with --out.`;
      assert.equal(error.message, message);
      return true;
    },
  );
  assert.equal(await readFile(notes, 'utf8'), 'mine');
  assert.equal(await idOf(out), 'old');
  assert.deepEqual(await readdir(folder), ['pack']);
});

test(
  'a folder with a pipe in place of its manifest is no pack to replace, and the pipe is not waited for',
  { skip: process.platform === 'win32' && 'needs mkfifo' },
  async (t) => {
    const { out, next } = await replaceable(t);
    const manifest = join(out, 'pack.json');
    await rm(manifest);
    execFileSync('mkfifo', [manifest]);
    await assert.rejects(write(next, out), /is not empty and no model pack/u);
  },
);

test('an old pack that cannot be removed does not make the import fail', async (t) => {
  const { folder, out, next } = await replaceable(t);
  // A fake of the file system's answer: whoever runs the tests may be allowed to remove everything.
  const removing = t.mock.method(fs, 'rm', () => Promise.reject(new Error('EACCES: permission denied')));
  syncBuiltinESMExports();
  try {
    await write(next, out);
  } finally {
    removing.mock.restore();
    syncBuiltinESMExports();
  }
  assert.ok(removing.mock.callCount() > 0);
  assert.equal(await idOf(out), 'new');
  const left = (await readdir(folder)).find((name) => name !== 'pack');
  assert.match(left!, /^\.pack-.*\.old$/u);
});
