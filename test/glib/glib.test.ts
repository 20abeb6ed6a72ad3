/**
 * Decoding and inference as in desktop VS Code, whose Electron loads the system's GLib into our processes: a second
 * GLib among the image libraries would complain on stderr, or crash.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import { fixture, root } from '../root.js';
import { glibMessages, libraries, PreloadedInference, preloadingEnvironment, systemLibraries } from './preload.js';

const formats = ['jpeg', 'png', 'webp', 'avif', 'gif', 'tiff'] as const;

const found = systemLibraries();
const skip = found === undefined && `the system has no ${libraries.join(', ')} (Debian: libglib2.0-0)`;

describe('with the system’s GLib in the process', { skip }, () => {
  const preloaded = found ?? [];
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'clipcap-glib-'));
    for (const format of formats) {
      const bytes = await sharp(fixture('photos/chelsea.jpg')).resize(256).toFormat(format).toBuffer();
      await writeFile(join(folder, `photo.${format}`), bytes);
    }
  });
  after(() => rm(folder, { recursive: true, force: true }));

  test(`photos as ${formats.join(', ')} are captioned, and GLib says nothing`, async () => {
    const inference = new PreloadedInference(preloaded);
    let maps = '';
    try {
      for (const format of formats) {
        const { image } = await inference.caption(join(folder, `photo.${format}`));
        assert.ok(image.captions[0]?.text, format);
      }
      maps = await inference.maps();
    } finally {
      const output = await inference.end();
      assert.deepEqual(glibMessages(output), [], output);
    }
    for (const path of preloaded) {
      const [name = path] = path.split('/').slice(-1);
      assert.ok(maps.includes(name.replace(/\.so.*$/u, '.so')), `${name} is not in the process`);
    }
    assert.match(maps, /onnxruntime/u, 'ONNX Runtime is not in the process');
  });

  for (const name of ['decode', 'model']) {
    test(`the tests of ${name} pass, and GLib says nothing`, () => {
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [join(root, 'test', 'out', 'unit', `${name}.test.js`)],
        { encoding: 'utf8', env: preloadingEnvironment(preloaded) },
      );
      assert.equal(status, 0, stdout + stderr);
      assert.deepEqual(glibMessages(stdout + stderr), []);
    });
  }

  test('a complaint of GLib’s in such a process is noticed: the checks above can fail', (context) => {
    const script = 'import ctypes; ctypes.CDLL(None).g_object_unref(None)';
    const { error, stdout, stderr } = spawnSync('python3', ['-c', script], {
      encoding: 'utf8',
      env: preloadingEnvironment(preloaded),
    });
    if (error) {
      context.skip('no python3 to call GLib with (Debian: python3)');
      return;
    }
    assert.equal(glibMessages(stdout + stderr).length, 1, stderr);
  });
});
