/** What the demo asks of a machine. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { root } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';

test(
  'given a system without any of the packages, the demo asks for the compiler’s and for no browser',
  { skip: process.platform !== 'linux' && 'code-server is set up on Linux only' },
  async (t) => {
    const folder = await temporaryFolder(t);
    // A fake of Debian's own: nothing is installed.
    await writeFile(join(folder, 'dpkg-query'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    const { stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', "await (await import('./scripts/demo.mjs')).demo();"],
      { cwd: root, encoding: 'utf8', env: { ...process.env, PATH: folder + delimiter + (process.env['PATH'] ?? '') } },
    );
    assert.match(stderr, /The demo needs a real VS Code: .*build-essential/u);
    assert.doesNotMatch(stderr, /chromium/u);
  },
);
