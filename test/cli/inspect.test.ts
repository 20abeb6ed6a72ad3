/** What `clipcap inspect` prints and writes, with the built-in pack. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { ReportDocument } from '@clipcap/protocol/lens';
import { writeRandomPack } from '../randomPack.js';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { clipcap, failure } from './clipcap.js';

const photos = fixture('photos');

/** A document as it is printed; only a report's has `image.source`. */
function parsed(json: string): ReportDocument {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is wrong with it shows in what tests ask of it
  return JSON.parse(json) as ReportDocument;
}

test('--json prints one document with every view that needs no further argument', async () => {
  const { code, stdout, stderr } = await clipcap(['inspect', 'moon.jpg', '--json', '--grid', '2'], { cwd: photos });
  assert.deepEqual([code, stderr], [0, '']);
  const document = parsed(stdout);
  assert.deepEqual(Object.keys(document), ['version', 'model', 'image', 'views']);
  assert.equal(document.version, 1);
  assert.equal(document.image.path, 'moon.jpg');
  assert.equal(document.model.id, 'builtin');
  const expected = ['table', 'heatmap', 'map', 'tokens', 'beams', 'attention', 'lens', 'counterfactuals', 'occlusion'];
  assert.deepEqual(Object.keys(document.views), [...expected, 'encoder']);
  assert.equal(document.views.counterfactuals?.results.length, document.model.prefixLength);
  assert.deepEqual(
    document.views.occlusion?.values.map((row) => row.length),
    [2, 2],
  );
  assert.deepEqual(document.views.table?.reference, { images: 900, source: 'pack' });
});

test('of a folder to compare with, or to measure against, drawings are passed over', async (t) => {
  const folder = await temporaryFolder(t);
  await copyFile(join(photos, 'moon.jpg'), join(folder, 'moon.jpg'));
  await writeFile(join(folder, 'drawing.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  const others = ['--with', folder, '--reference', folder];
  const { code, stdout, stderr } = await clipcap(
    ['inspect', 'grass.jpg', '--json', '--view', 'compare', 'table', ...others],
    { cwd: photos },
  );
  assert.deepEqual([code, stderr], [0, '']);
  const { views } = parsed(stdout);
  assert.equal(views.compare?.items.length, 2);
  assert.deepEqual(views.table?.reference, { images: 1, source: 'images' });
});

test('--view and its options ask for those views alone', async () => {
  const options = ['--nearest', '2', '--whole-words', '--try', 'insert:0:dog', '--try', 'scale:1:-2', '--with', '.'];
  const args = ['inspect', 'moon.jpg', '--json', '--view', 'compare', 'table', 'counterfactuals', ...options];
  const { code, stdout, stderr } = await clipcap(args, { cwd: photos });
  assert.deepEqual([code, stderr], [0, '']);
  const { views } = parsed(stdout);
  assert.deepEqual(Object.keys(views), ['compare', 'table', 'counterfactuals']);
  const words = views.table?.positions.map(({ nearest }) => nearest.dot) ?? [];
  assert.ok(words.every((nearest) => nearest.length === 2 && nearest.every(({ text }) => /^ \p{L}+$/u.test(text))));
  assert.deepEqual(
    views.counterfactuals?.results.map(({ intervention }) => intervention),
    [
      { kind: 'insert', position: 0, word: 'dog' },
      { kind: 'scale', position: 1, factor: -2 },
    ],
  );
  const count = (await readdir(photos)).length + 1;
  assert.equal(views.compare?.items.length, count);
  assert.ok((views.compare.collapse?.own ?? 0) > (views.compare.collapse?.shuffled ?? 0));
});

test('people read every view by its name, and images from outside cannot steer the terminal', async () => {
  const { code, stdout } = await clipcap(['inspect', join(photos, 'moon.jpg'), '--view', 'table', 'tokens', 'beams']);
  assert.equal(code, 0);
  assert.match(stdout, /Prefix: nearest words/u);
  assert.match(stdout, /^ {2}9 {2}norm \d/mu);
  assert.match(stdout, /entropy/u);
  assert.match(stdout, /8 beams/u);
});

test('--report writes one page that runs its own script alone, names no address, and holds document and photo', async (t) => {
  const file = join(await temporaryFolder(t), 'lens.html');
  const args = ['inspect', join(photos, 'moon.jpg'), '--view', 'table', 'encoder', '--report', file];
  const { code, stdout, stderr } = await clipcap(args);
  assert.deepEqual([code, stdout, stderr], [0, '', '']);
  const html = await readFile(file, 'utf8');
  const json = /<script type="application\/json" id="lens-data">(.*?)<\/script>/u.exec(html)?.[1] ?? '';
  const document = parsed(json);
  assert.deepEqual(Object.keys(document.views), ['table', 'encoder']);
  assert.match(document.image.source, /^data:image\/jpeg;base64,\/9j\//u);
  const scripts = [...html.matchAll(/<script>(.*?)<\/script>/gsu)].map(([, script]) => script ?? '');
  const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/u.exec(html)?.[1] ?? '';
  assert.equal(scripts.length, 1);
  assert.ok(policy.includes(`'sha256-${createHash('sha256').update(scripts[0]!).digest('base64')}'`));
  assert.match(policy, /default-src 'none'/u);
  assert.doesNotMatch(html, /(?:src|href)="(?!data:)/u);
  assert.doesNotMatch(html, /sourceMappingURL/u);
});

test('an image that is gone costs a report the views that name it: they say so, and the exit code is 1', async (t) => {
  const file = join(await temporaryFolder(t), 'lens.html');
  const args = ['inspect', 'moon.jpg', '--view', 'table', 'compare', '--with', 'gone.jpg', '--report', file];
  const { code, stdout, stderr } = await clipcap(args, { cwd: photos });
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /^compare: .*gone\.jpg does not exist/u);
  const json = /id="lens-data">(.*?)<\/script>/u.exec(await readFile(file, 'utf8'))?.[1] ?? '';
  const { views, unavailable } = parsed(json);
  assert.deepEqual(Object.keys(views), ['table']);
  assert.equal(unavailable?.compare?.code, 'missing');
});

const named = process.platform === 'win32' ? { skip: 'there no file has such a name' } : {};

test('a file’s name cannot break out of the report’s data', named, async (t) => {
  const folder = await temporaryFolder(t);
  const name = '<script>alert(1)</script><!--.jpg';
  // The name has a slash: a folder and a file.
  await mkdir(join(folder, '<script>alert(1)<'), { recursive: true });
  await copyFile(join(photos, 'moon.jpg'), join(folder, name));
  const report = join(folder, 'lens.html');
  const { code } = await clipcap(['inspect', name, '--view', 'encoder', '--report', report], { cwd: folder });
  assert.equal(code, 0);
  const html = await readFile(report, 'utf8');
  assert.equal(html.includes('<script>alert(1)'), false);
  const json = /id="lens-data">(.*?)<\/script>/u.exec(html)?.[1] ?? '';
  assert.equal(parsed(json).image.path, name);
});

test('what a pack cannot show is said: left out by default, exit code 1 if it was asked for', async (t) => {
  const { folder } = await writeRandomPack(join(await temporaryFolder(t), 'pack'), { prefixLength: 1 });
  const args = ['inspect', join(photos, 'moon.jpg'), '--json', '--model', folder, '--grid', '2'];
  const all = await clipcap(args);
  assert.equal(all.code, 0);
  const { unavailable, views } = parsed(all.stdout);
  assert.deepEqual(Object.keys(unavailable ?? {}).toSorted(), ['counterfactuals', 'encoder']);
  assert.equal(unavailable?.encoder?.code, 'lens-unavailable');
  assert.ok(views.table && !views.encoder);
  const one = await clipcap([...args, '--view', 'encoder']);
  assert.equal(one.code, 1);
  assert.match(parsed(one.stdout).unavailable?.encoder?.message ?? '', /classLabels/u);
});

test('a pack whose model gives no numbers is named by every error of it', async (t) => {
  const { folder } = await writeRandomPack(join(await temporaryFolder(t), 'pack'), {
    editWeights: (weights) => weights.get('gpt.transformer.wpe.weight')!.values.fill(NaN),
  });
  for (const words of [
    ['caption', 'moon.jpg'],
    ['inspect', 'moon.jpg', '--view', 'tokens'],
  ]) {
    const { code, stdout } = await clipcap([...words, '--model', folder, '--json'], { cwd: photos });
    assert.notEqual(code, 0);
    assert.ok(stdout.includes(`finite numbers. Import the pack in ${folder} again.`), stdout);
  }
});

test('a model that can be downloaded is no pack yet: the error says what makes one of it', async () => {
  for (const flags of [['--model'], ['--view', 'compare', '--with-model']]) {
    const args = ['inspect', 'moon.jpg', ...flags, 'clipcap-coco', '--json'];
    const { code, stdout } = await clipcap(args, { cwd: photos });
    assert.equal(code, 3);
    assert.match(failure(stdout).message, /clipcap-coco is a model .* clipcap get and clipcap import/u);
  }
});

/** Arguments that name photos in every way there is. */
function photosNamed(name: (photo: string) => string): string[] {
  const [moon, camera] = [name('moon.jpg'), name('camera.jpg')];
  const others = ['--with', camera, '--reference', camera];
  const changes = ['--try', `swap:0:${camera}`, '--try', `interpolate:0.5:${camera}`];
  return ['inspect', moon, '--json', '--view', 'table', 'counterfactuals', 'compare', ...others, ...changes];
}

test('a file: URL is as good as a path, wherever a photo is named', async () => {
  const byUrl = await clipcap(photosNamed((photo) => pathToFileURL(join(photos, photo)).href));
  assert.equal(byUrl.code, 0, byUrl.stderr);
  const byPath = await clipcap(photosNamed((photo) => join(photos, photo)));
  const [{ image, ...asUrl }, { image: sameImage, ...asPath }] = [parsed(byUrl.stdout), parsed(byPath.stdout)];
  assert.deepEqual(asUrl, asPath);
  assert.equal(image.sha256, sameImage.sha256);
  assert.match(image.path, /^file:/u);
});

for (const [args, code, error] of [
  [['gone.jpg'], 1, 'missing'],
  [['https://example.com/moon.jpg'], 1, 'not-a-file'],
  [['moon.jpg', '--try', 'swap:0:https://example.com/moon.jpg'], 1, 'not-a-file'],
  [['moon.jpg', '--with', 'https://example.com/moon.jpg'], 1, 'not-a-file'],
  [['moon.jpg', '--view', 'tokens', '--force', '900:1'], 2, 'usage'],
  [['moon.jpg', '--force', '900:1'], 2, 'usage'],
  [['moon.jpg', '--layer', '77'], 2, 'usage'],
  [['moon.jpg', '--grid', '99'], 2, 'usage'],
  [['moon.jpg', '--model', '/no/pack'], 3, 'pack-missing'],
  [['moon.jpg', '--report', '/no/folder/lens.html'], 2, 'usage'],
] as const) {
  test(`inspect ${args.join(' ')} fails with ${error} and exit code ${code}`, async () => {
    const finished = await clipcap(['inspect', ...args, '--json'], { cwd: photos });
    assert.equal(finished.code, code);
    assert.equal(failure(finished.stdout).code, error);
    assert.notEqual(finished.stderr, '');
  });
}

test('the photo comes first: help and the error of a photo after --view say so', async () => {
  const { stdout } = await clipcap(['inspect', '--help']);
  assert.match(stdout, /^Usage: clipcap inspect <photo> \[options\]/u);
  const { code, stderr } = await clipcap(['inspect', '--view', 'table', 'moon.jpg'], { cwd: photos });
  assert.equal(code, 2);
  assert.match(stderr, /'moon\.jpg' is invalid\..* The photo comes before --view\./u);
});

for (const args of [
  ['inspect'],
  ['inspect', 'moon.jpg', '--view', 'everything'],
  ['inspect', 'moon.jpg', '--view', 'table', 'compare'],
  ['inspect', 'moon.jpg', '--try', 'drop'],
  ['inspect', 'moon.jpg', '--try', 'drop:one'],
  ['inspect', 'moon.jpg', '--force', '3'],
  ['inspect', 'moon.jpg', '--projection', 'tsne'],
  ['inspect', ''],
]) {
  test(`${args.join(' ')} is wrong usage`, async () => {
    const { code, stdout, stderr } = await clipcap(args, { cwd: photos });
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /^error: /u);
  });
}
