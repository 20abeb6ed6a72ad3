/** Where an imported pack may be put. */
import assert from 'node:assert/strict';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { unwritable } from '@clipcap/models/import/hashedFile';
import { makeStaging, packPlace } from '@clipcap/models/import/packPlace';
import { CaptionError } from '@clipcap/protocol/error';
import { temporaryFolder } from '../temporaryFolder.js';

async function refuses(path: string, message: RegExp): Promise<void> {
  await assert.rejects(packPlace(path), (error) => {
    assert.ok(error instanceof CaptionError);
    assert.equal(error.code, 'usage');
    assert.match(error.message, message);
    return true;
  });
}

test('a folder that is not there yet is the place itself', async (t) => {
  const path = join(await temporaryFolder(t), 'new');
  assert.equal(await packPlace(path), path);
});

test('a link to an empty folder means that folder', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'empty'));
  await symlink('empty', join(folder, 'link'));
  assert.equal(await packPlace(join(folder, 'link')), join(folder, 'empty'));
});

for (const target of ['nowhere', 'link']) {
  test(`a link to ${target === 'link' ? 'itself' : 'nothing'} is no place`, async (t) => {
    const link = join(await temporaryFolder(t), 'link');
    await symlink(target, link);
    await refuses(link, /link is a link that leads to no folder\./u);
  });
}

test('a mount point is no place', { skip: process.platform !== 'linux' && 'needs /proc' }, async () => {
  await refuses('/proc', /^\/proc is a mount point, .* Name a folder in it with --out\./u);
});

test('a path through a link to itself is said to be one', async (t) => {
  const link = join(await temporaryFolder(t), 'link');
  await symlink('link', link);
  await assert.rejects(packPlace(join(link, 'pack')), {
    code: 'pack-unwritable',
    message: /^pack cannot be written: its path leads through symbolic links/u,
  });
});

test('a name that leaves no room for the folder that is written first is said to be too long', async (t) => {
  const out = join(await temporaryFolder(t), 'a'.repeat(250));
  await assert.rejects(makeStaging(out), {
    code: 'pack-unwritable',
    message: /^a+ cannot be written: its name is too long/u,
  });
});

test('a mount point that only renaming tells is said to be one', () => {
  const busy = Object.assign(new Error('resource busy'), { code: 'EBUSY' });
  assert.match(unwritable('/pack', busy).message, /^pack cannot be written: it is in use, or a mount point\./u);
});
