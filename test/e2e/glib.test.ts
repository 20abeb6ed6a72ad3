/**
 * Decoding and inference as in desktop VS Code, whose Electron loads the system's GLib into our processes: a second
 * GLib among the image libraries would complain on stderr, or crash.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { CaptionDocument } from '@clipcap/protocol/caption';
import { fixture, root } from '../root.js';

const libraries = ['libgobject-2.0.so.0', 'libgio-2.0.so.0'];

/** Where the dynamic linker finds the system's GLib; undefined if it does not. */
function systemLibraries(): readonly string[] | undefined {
  const cache = spawnSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' }).stdout;
  const paths = libraries.map((name) =>
    cache
      .split('\n')
      .filter((line) => line.trim().startsWith(`${name} `) && (process.arch !== 'x64' || line.includes('x86-64')))
      .map((line) => line.slice(line.indexOf('=> ') + 3))
      .find((path) => existsSync(path)),
  );
  return paths.every((path) => path !== undefined) ? paths : undefined;
}

interface Encoder {
  (path: string): { toFormat(format: string): { toBuffer(): Promise<Buffer> } };
}

describe('with the system’s GLib in the process', { skip: process.platform !== 'linux' && 'GLib is Linux’s' }, () => {
  const preloaded = systemLibraries();
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'clipcap-glib-'));
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the shipped copy of sharp, loaded by path
    const sharp = createRequire(join(root, 'dist', 'cli.mjs'))('sharp') as Encoder;
    for (const format of ['jpeg', 'png', 'webp', 'avif']) {
      const bytes = await sharp(fixture('photos/chelsea.jpg')).toFormat(format).toBuffer();
      await writeFile(join(folder, `photo.${format}`), bytes);
    }
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const format of ['jpeg', 'png', 'webp', 'avif']) {
    const skip = preloaded === undefined && `the system has no ${libraries.join(', ')} (Debian: libglib2.0-0)`;
    test(`a photo as ${format} is captioned, and GLib says nothing`, { skip }, () => {
      const { G_DEBUG: _debug, NODE_TEST_CONTEXT: _context, ...env } = process.env;
      const cli = join(root, 'dist', 'cli.mjs');
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [cli, 'caption', '--json', join(folder, `photo.${format}`)],
        { encoding: 'utf8', env: { ...env, LD_PRELOAD: (preloaded ?? []).join(':') } },
      );
      assert.doesNotMatch(stderr, /GLib|GObject|GThread|Gio|g_\w+/u);
      assert.equal(status, 0, stderr);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- other tests check the document itself
      const document = JSON.parse(stdout) as CaptionDocument;
      assert.ok('images' in document && document.images[0] && 'captions' in document.images[0], stdout);
    });
  }

  test('the libraries are really in the process', { skip: preloaded === undefined && 'there are none' }, () => {
    const script = "process.stdout.write(require('node:fs').readFileSync('/proc/self/maps', 'utf8'))";
    const { stdout } = spawnSync(process.execPath, ['-e', script], {
      encoding: 'utf8',
      env: { LD_PRELOAD: (preloaded ?? []).join(':') },
    });
    for (const name of libraries) assert.ok(stdout.includes(name.replace('.so.0', '')), `${name} is not mapped`);
  });
});
