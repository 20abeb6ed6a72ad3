/** A pack's weights and its labels are written at the same time: what becomes of one when the other fails. */
import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { EmbedTexts } from '@clipcap/models/import/text/writeLabels';
import { writePack } from '@clipcap/models/import/writePack';
import { CaptionError } from '@clipcap/protocol/error';
import { plan } from '../importPlan.js';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';

interface Fakes {
  /** Stands in for the inference process. */
  readonly embed: EmbedTexts;
  readonly progress: (done: number, total: number) => void;
}

/** Imports a pack with labels that were asked for, and answers why it failed. */
async function failure(t: TestContext, { embed, progress }: Fakes): Promise<unknown> {
  const folder = await temporaryFolder(t);
  const labels = join(folder, 'labels.txt');
  await writeFile(labels, 'cat\ndog\n');
  const planned = await plan(t, { encoder: fixture('clipText/hf'), labels });
  const writing = writePack(planned, {
    out: join(folder, 'pack'),
    signal: new AbortController().signal,
    progress,
    embed,
  });
  const cause = await writing.then(
    () => assert.fail('it was written'),
    (error: unknown) => error,
  );
  assert.deepEqual(await readdir(folder), ['labels.txt']);
  return cause;
}

test('labels that fail stop the writing of weights', async (t) => {
  let begin: () => void;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  let written = 0;
  const cause = await failure(t, {
    async embed() {
      await begun;
      throw new CaptionError('inference-crashed', 'The inference process ended.');
    },
    progress(done, total) {
      begin();
      written = done / total;
    },
  });
  assert.ok(cause instanceof CaptionError && cause.code === 'inference-crashed', String(cause));
  assert.ok(written > 0 && written < 1, `${written} of the weights were written`);
});

test('weights that cannot be written stop the process that embeds labels', async (t) => {
  const full = new Error('the disk is full');
  const cause = await failure(t, {
    // Ends only when it is told to.
    embed: (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new CaptionError('cancelled', 'The import was cancelled.')));
      }),
    progress() {
      throw full;
    },
  });
  assert.equal(cause, full);
});
