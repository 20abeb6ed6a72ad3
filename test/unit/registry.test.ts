import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exactSize, knownSize, roundSize } from '@clipcap/models/download/words';
import { findModel, models, readRegistry, statedSize } from '@clipcap/models/registry/registry';
import { CaptionError } from '@clipcap/protocol/error';

test('every model of the registry can be fetched in one way, and goes with models that are there', () => {
  const all = models();
  assert.equal(new Set(all.map(({ id }) => id)).size, all.length);
  for (const { id, files, repository, page, goesWith, kind } of all) {
    const places = Number(repository !== undefined) + Number(page !== undefined);
    const addressed = files.every(({ url }) => url !== undefined);
    assert.equal(places + Number(addressed), 1, id);
    assert.equal(new Set(files.map(({ name }) => name)).size, files.length, id);
    for (const other of goesWith) {
      const partner = findModel(other);
      assert.notEqual(partner.kind, kind, id);
      assert.ok(partner.goesWith.includes(id), `${other} does not say that it goes with ${id}`);
    }
  }
});

test('OpenAI’s archives have the SHA-256 that is in their address', () => {
  const archives = models().flatMap(({ files }) => files.filter(({ url }) => url !== undefined));
  assert.ok(archives.length > 0);
  for (const { url, sha256, name } of archives) assert.ok(url?.endsWith(`/${sha256}/${name}`), name);
});

test('a registry with an address that is not https, a name that leaves its folder, or an unknown field is refused', () => {
  const good = { id: 'a', title: 'A', kind: 'encoder', licence: 'MIT', goodFor: 'tests', goesWith: [] };
  const read = (file: object, more: object = {}): unknown =>
    readRegistry({ version: 1, models: [{ ...good, files: [file], ...more }] });
  assert.ok(read({ name: 'a.pt', url: 'https://example.com/a.pt' }));
  assert.throws(() => read({ name: 'a.pt', url: 'http://example.com/a.pt' }));
  assert.throws(() => read({ name: '../a.pt' }));
  assert.throws(() => read({ name: '.hidden' }));
  assert.throws(() => read({ name: 'a.pt', sha256: 'ABC' }));
  assert.throws(() => read({ name: 'a.pt', size: -1 }));
  assert.throws(() => read({ name: 'a.pt', sise: 1 }));
  assert.throws(() => read({ name: 'a.pt' }, { repository: 'owner/../name' }));
});

test('a model is found by its id or its repository; any other owner/name is one of the hub', () => {
  assert.equal(findModel('akhaliq/CLIP-prefix-captioning-COCO-weights').id, 'clipcap-coco');
  assert.equal(findModel('laion/some-clip').repository, 'laion/some-clip');
  assert.equal(findModel('someone/captions.pt').repository, 'someone/captions.pt');
  const { repository, files } = findModel('someone/captions/coco_weights.pt');
  assert.deepEqual([repository, files], ['someone/captions', [{ name: 'coco_weights.pt' }]]);
  for (const id of [
    '',
    'nothing',
    'a/b/c',
    'a/b/c/d.pt',
    'a/../d.pt',
    'b/c.pt/d',
    '../x',
    'a/..',
    'a/b?c',
    'https://example.com/a',
  ]) {
    assert.throws(
      () => findModel(id),
      (error) => error instanceof CaptionError && error.code === 'model-unknown',
      id,
    );
  }
});

test('sizes are exact where every file’s is known, and rounded as download pages round them', () => {
  assert.deepEqual(statedSize(findModel('openai/clip-vit-base-patch32')), { bytes: 605_251_573, exact: true });
  assert.deepEqual(statedSize(findModel('clipcap-coco')), { bytes: 636_000_000, exact: false });
  assert.equal(statedSize(findModel('laion/some-clip')), undefined);
  assert.equal(knownSize(findModel('clipcap-coco')), 'about 636.0 MB');
  assert.equal(exactSize(605_251_573), '605.3 MB (605,251,573 bytes)');
  assert.equal(exactSize(1), '1 byte');
  assert.equal(roundSize(999_960), '1.0 MB');
  assert.equal(roundSize(1_710_540_580), '1.7 GB');
});
