/** Files that are odd, and files that are bad: each has its code, and none keeps the others from being captioned. */
import assert from 'node:assert/strict';
import { chmod, copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { tmpdir } from 'node:os';
import { pathToFileURL } from 'node:url';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { writePng, writePngHeader } from '../writePng.js';
import { captioned, clipcap, outcome } from './clipcap.js';

const photo = fixture('photos/moon.jpg');
const linux = process.platform === 'linux' ? {} : { skip: 'other systems refuse such names' };

function grey(width: number, height: number): Buffer {
  const samples = Array.from({ length: width * height }, (_, i) => i % 256);
  return writePng({ width, height, depth: 8, colour: 'grey', samples });
}

test('sizes of 1×1, 1×N and a strip of 20,000×10 are captioned without fuss', async (context) => {
  const folder = await temporaryFolder(context);
  const sizes = [
    [1, 1],
    [1, 3000],
    [20_000, 10],
  ] as const;
  for (const [width, height] of sizes) await writeFile(join(folder, `${width}x${height}.png`), grey(width, height));
  const { code, stdout } = await clipcap(['caption', '--json', folder]);
  assert.equal(code, 0, stdout);
  const found = captioned(stdout).images.map((image) =>
    'error' in image ? image.error.code : [image.width, image.height],
  );
  assert.deepEqual(found, [[1, 1], [1, 3000], [20_000, 10]]); // prettier-ignore
});

test('every bad file has its code and a message that names it; the good ones are captioned', async (context) => {
  const folder = await temporaryFolder(context);
  const jpeg = await readFile(photo);
  await writeFile(join(folder, 'text.jpg'), 'this is no photo');
  await writeFile(join(folder, 'empty.png'), '');
  await writeFile(join(folder, 'truncated.jpg'), jpeg.subarray(0, jpeg.length / 2));
  await writeFile(join(folder, 'bomb.png'), writePngHeader(50_000, 50_000));
  await writeFile(join(folder, 'drawing.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  await symlink('round.jpg', join(folder, 'round.jpg'));
  await mkdir(join(folder, 'nothing here'));
  await copyFile(photo, join(folder, 'good.jpg'));
  const expected = {
    'text.jpg': 'not-an-image',
    'empty.png': 'empty-file',
    'truncated.jpg': 'corrupt-image',
    'bomb.png': 'too-many-pixels',
    'drawing.svg': 'unsupported-format',
    'round.jpg': 'symlink-loop',
    'nothing here': 'empty-folder',
    'absent.jpg': 'missing',
  };
  const { code, stdout } = await clipcap(['caption', '--json', ...Object.keys(expected), 'good.jpg'], { cwd: folder });
  assert.equal(code, 1);
  const { images } = captioned(stdout);
  assert.deepEqual(images.slice(0, -1).map(outcome), Object.values(expected));
  for (const image of images.slice(0, -1)) {
    const message = 'error' in image ? image.error.message : '';
    assert.ok(message.startsWith(image.path), message);
  }
  assert.ok('captions' in images.at(-1)!);
});

test('of bad images alone the document still names the model', async (context) => {
  const folder = await temporaryFolder(context);
  const { code, stdout } = await clipcap(['caption', '--json', folder]);
  assert.equal(code, 1);
  const { model, images } = captioned(stdout);
  assert.equal(model.id, 'builtin');
  assert.deepEqual(images.map(outcome), ['empty-folder']);
});

test('two bad files of equal content are each called by their own name', async (context) => {
  const folder = await temporaryFolder(context);
  for (const name of ['a.png', 'b.png']) await writeFile(join(folder, name), 'equal');
  const { images } = captioned((await clipcap(['caption', '--json', 'a.png', 'b.png'], { cwd: folder })).stdout);
  const messages = images.map((image) => ('error' in image ? image.error.message : ''));
  assert.deepEqual(
    messages.map((message) => message.split(' ')[0]),
    ['a.png', 'b.png'],
  );
});

test('files and folders that may not be read are told so', async (context) => {
  const folder = await temporaryFolder(context);
  await chmod(folder, 0o755);
  await mkdir(join(folder, 'closed'));
  for (const name of ['secret.jpg', 'open.jpg', 'closed/inside.jpg']) await copyFile(photo, join(folder, name));
  await chmod(join(folder, 'open.jpg'), 0o644);
  await chmod(join(folder, 'secret.jpg'), 0);
  await chmod(join(folder, 'closed'), 0);
  // Nothing is unreadable to root: then the command line runs as nobody.
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534, env: { ...process.env, HOME: tmpdir() } } : {};
  const args = ['caption', '--json', 'secret.jpg', 'closed', 'closed/inside.jpg', 'open.jpg'];
  const { code, stdout, stderr } = await clipcap(args, { cwd: folder, ...user });
  await chmod(join(folder, 'closed'), 0o755);
  assert.equal(code, 1, stderr);
  const { images } = captioned(stdout);
  assert.deepEqual(images.slice(0, 3).map(outcome), ['unreadable', 'unreadable', 'unreadable']);
  assert.ok('captions' in images[3]!);
});

test('a file: URL means its file, other URLs are told that nothing is downloaded', async (context) => {
  const folder = await temporaryFolder(context);
  const path = join(folder, 'ein Foto #1.jpg');
  await copyFile(photo, path);
  const urls = [pathToFileURL(path).href, 'https://example.org/a.jpg', 'file://elsewhere/a.jpg'];
  const { code, stdout } = await clipcap(['caption', '--json', ...urls]);
  assert.equal(code, 1);
  const { images } = captioned(stdout);
  assert.deepEqual(
    images.map((image) => image.path),
    urls,
  );
  assert.ok('captions' in images[0]!);
  assert.deepEqual(images.slice(1).map(outcome), ['not-a-file', 'not-a-file']);
});

test('a file whose name is not valid UTF-8 is told so', linux, async (context) => {
  const folder = await temporaryFolder(context);
  await copyFile(photo, Buffer.concat([Buffer.from(`${folder}/caf`), Buffer.of(0xe9), Buffer.from('.jpg')]));
  const { stdout } = await clipcap(['caption', '--json', folder]);
  const [image] = captioned(stdout).images;
  assert.match(image && 'error' in image ? image.error.message : '', /its name is not valid UTF-8.* Rename it/u);
});
