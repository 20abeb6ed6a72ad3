import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, open, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { CaptionError } from '@clipcap/protocol/error';
import { readImage } from '@clipcap/server/process/readImage';
import { temporaryFolder } from '../temporaryFolder.js';

async function refusal(path: string): Promise<CaptionError> {
  const error: unknown = await readImage(path).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  assert.ok(error instanceof CaptionError, `${path} was read`);
  assert.ok(error.message.startsWith(path), error.message);
  return error;
}

test('a file is read with its SHA-256, through links and odd names', async (context) => {
  const folder = await temporaryFolder(context);
  const path = join(folder, 'ein Foto #1 100% ラーメン.jpg');
  await writeFile(path, 'abc');
  const link = join(folder, 'link');
  await symlink(path, link);
  const { bytes, sha256 } = await readImage(link);
  assert.equal(Buffer.from(bytes).toString(), 'abc');
  assert.equal(sha256, 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('what cannot be read is refused with its reason', async (context) => {
  const folder = await temporaryFolder(context);
  const file = join(folder, 'file');
  await writeFile(file, '');
  await symlink(join(folder, 'b'), join(folder, 'a'));
  await symlink(join(folder, 'a'), join(folder, 'b'));
  await mkdir(join(folder, 'folder'));
  assert.equal((await refusal(join(folder, 'nothing'))).code, 'missing');
  assert.equal((await refusal(join(file, 'below a file'))).code, 'missing');
  assert.equal((await refusal(file)).code, 'empty-file');
  assert.equal((await refusal(join(folder, 'a'))).code, 'symlink-loop');
  assert.equal((await refusal(join(folder, 'folder'))).code, 'not-a-file');
  const long = join(folder, 'x'.repeat(300));
  const { message } = await refusal(long);
  assert.equal(message, `${long} cannot be read: name too long. Check its name and its disk.`);
});

test('a pipe that nobody writes to is refused, not waited for', async (context) => {
  const pipe = join(await temporaryFolder(context), 'pipe');
  execFileSync('mkfifo', [pipe]);
  assert.equal((await refusal(pipe)).code, 'not-a-file');
});

test('a file over 200 MiB is refused without being read', async (context) => {
  const path = join(await temporaryFolder(context), 'large.png');
  const file = await open(path, 'w');
  await file.truncate(200 * 2 ** 20 + 1);
  await file.close();
  assert.equal((await refusal(path)).code, 'too-large');
});
