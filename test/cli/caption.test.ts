/** What `clipcap caption` prints and writes, with the built-in pack. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, copyFile, cp, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fixture, root } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { parseManifest } from '@clipcap/models/pack/manifest';
import { describeFiles, writeRandomPack } from '../randomPack.js';
import { captioned, clipcap, failure, finish, outcome } from './clipcap.js';

const photos = fixture('photos');
const linux = process.platform === 'linux' ? {} : { skip: 'only there can a folder go while someone stands in it' };

/** The tokens that end a caption of the built-in pack. */
async function builtinStopTokens(): Promise<readonly number[]> {
  return parseManifest(JSON.parse(await readFile(join(root, 'models', 'builtin', 'pack.json'), 'utf8')), 'pack.json')
    .languageModel.stopTokens;
}

test('--json prints exactly one document of version 1 with the documented fields', async () => {
  const args = ['caption', '--json', '--captions', '2', '--nearest', '3', 'chelsea.jpg'];
  const { code, stdout, stderr } = await clipcap(args, { cwd: photos });
  assert.deepEqual([code, stderr], [0, '']);
  const { model, images } = captioned(stdout);
  assert.deepEqual(Object.keys(captioned(stdout)), ['version', 'model', 'images']);
  assert.deepEqual(Object.keys(model), ['id', 'encoder', 'mapper', 'prefixLength', 'width', 'dtype', 'provider']);
  assert.equal(images.length, 1);
  const stopTokens = await builtinStopTokens();
  const [image] = images;
  assert.ok(image && 'captions' in image);
  assert.deepEqual([image.path, image.width, image.height], ['chelsea.jpg', 451, 300]);
  assert.equal(
    image.sha256,
    createHash('sha256')
      .update(await readFile(join(photos, 'chelsea.jpg')))
      .digest('hex'),
  );
  const steps = ['decode', 'preprocess', 'encode', 'map', 'generate', 'interpret'];
  assert.deepEqual(Object.keys(image.timings), steps);
  assert.ok(Object.values(image.timings).every((milliseconds) => milliseconds >= 0));
  assert.equal(image.captions.length, 2);
  for (const { text, score, tokens } of image.captions) {
    assert.ok(text.length > 0 && text === text.trim());
    const mean = tokens.reduce((sum, { logProb }) => sum + logProb, 0) / tokens.length;
    assert.ok(Math.abs(score - mean) < 1e-6);
    assert.ok(tokens.length < 67, 'it was not cut');
    assert.deepEqual(
      tokens.map(({ id }) => stopTokens.includes(id)),
      tokens.map((_, i) => i === tokens.length - 1),
      'the last token, and no other, ends a caption',
    );
    assert.ok(
      tokens
        .map((token) => token.text)
        .join('')
        .trim()
        .startsWith(text),
    );
  }
  assert.ok(image.captions[0]!.score >= image.captions[1]!.score);
  assert.equal(image.prefix.length, model.prefixLength);
  image.prefix.forEach(({ position, norm, nearest }, i) => {
    assert.equal(position, i);
    assert.ok(norm > 0);
    assert.equal(nearest.length, 3);
    assert.ok(nearest.every(({ score }, j) => Math.abs(score) <= 1 && score <= (nearest[j - 1]?.score ?? 1)));
  });
});

test('a folder means its images in name order at any depth; links in it are not followed', async (context) => {
  const folder = await temporaryFolder(context);
  const photo = join(photos, 'moon.jpg');
  await mkdir(join(folder, 'Bilder #1', 'b'), { recursive: true });
  for (const path of ['a.jpg', 'c 100%.JPG', 'ラーメン.png', 'b/z.jpg']) {
    await copyFile(photo, join(folder, 'Bilder #1', path));
  }
  await writeFile(join(folder, 'Bilder #1', 'notes.txt'), 'no image');
  await symlink(photo, join(folder, 'Bilder #1', 'link.jpg'));
  await symlink('..', join(folder, 'Bilder #1', 'loop'));
  const { code, stdout } = await clipcap(['caption', '--json', photo, './Bilder #1', photo], { cwd: folder });
  assert.equal(code, 0);
  const paths = captioned(stdout).images.map(({ path }) => path);
  const names = ['a.jpg', 'b/z.jpg', 'c 100%.JPG', 'ラーメン.png'];
  assert.deepEqual(paths, [photo, ...names.map((name) => `./Bilder #1/${name}`), photo]);
  assert.equal(new Set(captioned(stdout).images.map(outcome)).size, 1, 'equal files have equal captions');
});

test('--output writes the document and prints nothing', async (context) => {
  const folder = await temporaryFolder(context);
  const args = ['caption', '--output', 'captions.json', join(photos, 'moon.jpg'), 'nothing.jpg'];
  await writeFile(join(folder, 'captions.json'), 'old');
  const { code, stdout } = await clipcap(args, { cwd: folder });
  assert.deepEqual([code, stdout], [1, '']);
  const { images } = captioned(await readFile(join(folder, 'captions.json'), 'utf8'));
  assert.deepEqual(
    images.map((image) => 'error' in image),
    [false, true],
  );
  assert.deepEqual(await readdir(folder), ['captions.json']);
});

test('--output writes through a link and keeps the old file’s permissions', async (context) => {
  const folder = await temporaryFolder(context);
  const real = join(folder, 'real.json');
  await writeFile(real, 'old');
  await chmod(real, 0o640);
  await symlink('real.json', join(folder, 'link.json'));
  assert.equal((await clipcap(['caption', '--output', 'link.json', 'nothing.jpg'], { cwd: folder })).code, 1);
  assert.equal(await readlink(join(folder, 'link.json')), 'real.json');
  assert.equal(captioned(await readFile(real, 'utf8')).images.length, 1);
  assert.equal((await stat(real)).mode & 0o777, 0o640);
});

test('--output in a folder that may not be written is refused before anything is captioned', async (context) => {
  const folder = await temporaryFolder(context);
  await chmod(folder, 0o555);
  // Everything is writable to root: then the command line runs as nobody.
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534, env: { ...process.env, HOME: tmpdir() } } : {};
  const args = ['caption', '--model', 'no pack', '--output', join(folder, 'a.json'), join(photos, 'moon.jpg')];
  const { code, stderr } = await clipcap(args, user);
  assert.equal(code, 2, stderr);
  assert.match(stderr, /^--output .*a\.json cannot be written/u);
});

test('people get the caption, its score and the nearest words of every prefix position', async () => {
  const { code, stdout, stderr } = await clipcap(['caption', '--nearest', '2', 'moon.jpg', 'nothing.jpg'], {
    cwd: photos,
  });
  assert.deepEqual([code, stderr], [1, '']);
  const lines = stdout.split('\n');
  assert.equal(lines[0], 'moon.jpg');
  assert.match(lines[1] ?? '', /^ {2}\S.*\S {2}score -\d+\.\d{3}$/u);
  assert.match(lines[2] ?? '', /^ {2}position +norm {2}nearest words \(cosine\)$/u);
  assert.match(lines[3] ?? '', /^ {9}0 +\d+\.\d\d {2}\S+ -?\d\.\d\d +\S+ -?\d\.\d\d$/u);
  assert.match(stdout, /\nnothing\.jpg\n {2}missing: nothing\.jpg does not exist\. Check the path\.\n/u);
  assert.ok(!stdout.includes('\u001b'), 'no colours for a pipe');
});

test('greedy decoding and short captions are obeyed', async () => {
  const args = ['caption', '--json', '--decode', 'greedy', '--max-tokens', '3', 'moon.jpg'];
  const { images } = captioned((await clipcap(args, { cwd: photos })).stdout);
  const tokens = images.flatMap((image) => ('error' in image ? [] : image.captions.map((caption) => caption.tokens)));
  assert.deepEqual(
    tokens.map(({ length }) => length),
    [3],
  );
  const stopTokens = await builtinStopTokens();
  assert.ok(!tokens.flat().some(({ id }) => stopTokens.includes(id)), 'it was cut before its end');
});

test('wrong usage has exit code 2, names what is wrong and captions nothing', async () => {
  const wrong: readonly (readonly [RegExp, ...string[]])[] = [
    [/missing required argument 'photo'/u, 'caption'],
    [/unknown option '--bogus'/u, 'caption', '--bogus', 'a.jpg'],
    [/unknown command/u, 'describe', 'a.jpg'],
    [/--beams.*from 1 to 64/u, 'caption', '--beams', '0', 'a.jpg'],
    [/--beams.*from 1 to 64/u, 'caption', '--beams', '4.5', 'a.jpg'],
    [/--nearest.*at least 1/u, 'caption', '--nearest', 'many', 'a.jpg'],
    [/--decode.*greedy, beam/u, 'caption', '--decode', 'nucleus', 'a.jpg'],
    [/--captions 3 needs at least as many beams, not 2/u, 'caption', '--beams', '2', '--captions', '3', 'a.jpg'],
    [/--output needs a file’s name, not --json/u, 'caption', '--output', '--json', 'a.jpg'],
    [/--output .*nowhere.* is in no existing folder/u, 'caption', '--output', 'nowhere/a.json', 'a.jpg'],
  ];
  for (const [message, ...args] of wrong) {
    const { code, stdout, stderr } = await clipcap(args, { cwd: photos });
    assert.deepEqual([code, stdout], [2, ''], args.join(' '));
    assert.match(stderr, message);
  }
  const tooMany = ['caption', '--captions', '65', '--json', 'a.jpg', '--output'];
  for (const rest of [['a.json'], ['nowhere/a.json']]) {
    const { code, stdout } = await clipcap([...tooMany, ...rest], { cwd: photos });
    assert.deepEqual([code, stdout], [2, ''], 'with --output nothing is printed');
  }
  const { code, stdout } = await clipcap(['caption', '--json', '--beams', '0', 'a.jpg']);
  assert.equal(code, 2);
  assert.equal(failure(stdout).code, 'usage');
});

test('more captions than the pack’s beams are wrong usage', async () => {
  const { code, stdout, stderr } = await clipcap(['caption', '--json', '--captions', '64', 'moon.jpg'], {
    cwd: photos,
  });
  assert.equal(code, 2);
  const { code: reason, message } = failure(stdout);
  assert.equal(reason, 'usage');
  assert.match(message, /^64 captions need at least as many beams/u);
  assert.equal(stderr, `${message}\n`);
});

test('--beams means a beam search, also for a pack that decodes greedily', async (context) => {
  const folder = await temporaryFolder(context);
  const { manifest } = await writeRandomPack(folder);
  const decoding = { ...manifest.decoding, strategy: 'greedy' as const };
  await describeFiles(folder, { ...manifest, decoding });
  const ask = (...args: string[]) =>
    clipcap(['caption', '--json', '--model', folder, ...args, join(photos, 'moon.jpg')]);
  const { stdout } = await ask('--beams', '3', '--captions', '3');
  const [image] = captioned(stdout).images;
  assert.equal(image && 'captions' in image ? image.captions.length : 0, 3);
  assert.equal(failure((await ask('--captions', '3')).stdout).code, 'usage');
});

test('what nobody foresaw is an error of the document too, with exit code 3', linux, async (context) => {
  // A command line in a folder that is gone cannot tell what a relative path means.
  const folder = await temporaryFolder(context);
  const gone = join(folder, 'gone');
  await mkdir(gone);
  const script = 'cd "$1" && rmdir "$1" && shift && exec "$@"';
  const command = [process.execPath, join(root, 'dist', 'cli.mjs'), 'caption', '--json', '--model', 'pack', 'a.jpg'];
  const { code, stdout, stderr } = await finish(spawn('sh', ['-c', script, 'sh', gone, ...command]));
  assert.equal(code, 3, stderr);
  assert.equal(failure(stdout).code, 'inference-failed');
  assert.match(stderr, /^Something unexpected failed .*\n$/u);
});

test('--help explains the options and the exit codes', async () => {
  const { code, stdout } = await clipcap(['caption', '--help']);
  assert.equal(code, 0);
  for (const word of [
    '--model',
    '--decode',
    '--beams',
    '--captions',
    '--nearest',
    '--max-tokens',
    '--provider',
    '--json',
    '--output',
    'Exit code',
    '130',
    'node_modules',
  ]) {
    assert.ok(stdout.includes(word), word);
  }
});

test('a pack that is missing, foreign or changed fails the whole run with exit code 3 and its code', async (context) => {
  const folder = await temporaryFolder(context);
  await cp(join(photos, '..', '..', '..', 'models', 'builtin'), join(folder, 'changed'), {
    recursive: true,
    filter: (source) => !source.includes('recipe'),
  });
  await writeFile(join(folder, 'changed', 'tokenizer.json'), '{}');
  await mkdir(join(folder, 'foreign'));
  await writeFile(join(folder, 'foreign', 'pack.json'), '{"schema":99}');
  const packs = { nowhere: 'pack-missing', foreign: 'pack-newer', changed: 'pack-file-changed' };
  for (const [model, expected] of Object.entries(packs)) {
    const args = ['caption', '--json', '--model', model, join(photos, 'moon.jpg'), join(photos, 'grass.jpg')];
    const { code, stdout, stderr } = await clipcap(args, { cwd: folder });
    assert.equal(code, 3, model);
    const error = failure(stdout);
    assert.equal(error.code, expected);
    assert.equal(stderr, `${error.message}\n`);
  }
});

test('a provider that does not exist fails the whole run', async () => {
  const { code, stdout } = await clipcap(['caption', '--json', '--provider', 'abacus', 'moon.jpg'], { cwd: photos });
  assert.equal(code, 3);
  assert.equal(failure(stdout).code, 'provider-unavailable');
});
