/** What becomes of labels that nobody asked for by name when their embeddings cannot be had. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { test, type TestContext } from 'node:test';
import { planImport } from '@clipcap/models/import/planImport';
import { type EmbedTexts, writeLabels } from '@clipcap/models/import/text/writeLabels';
import { CaptionError } from '@clipcap/protocol/error';
import { files } from '../importPlan.js';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';

/** @param embed stands in for the inference process */
async function write(t: TestContext, folder: string, embed: EmbedTexts, signal = new AbortController().signal) {
  const usual = { dtype: 'fp32', id: 'pack', classNames: [] } as const;
  const planned = await planImport({ ...usual, checkpoint: files('mlp.pt'), encoder: fixture('clipText/hf') });
  t.after(() => planned.close());
  return writeLabels(planned.labels!, folder, embed, signal);
}

const noNumbers: EmbedTexts = ({ tower, texts }) =>
  Promise.resolve(new Float32Array(texts.length * tower.embeddingWidth).fill(NaN));

test('embeddings that are no numbers are left out, and the report says why', async (t) => {
  const folder = await temporaryFolder(t);
  const { file, findings } = await write(t, folder, noNumbers);
  assert.equal(file, undefined);
  const value = 'none, because The encoder’s text side gives values that are no numbers. Download it again.';
  assert.deepEqual(findings, [{ what: 'labels', value, from: 'shapes' }]);
  assert.deepEqual(await readdir(folder), []);
});

test('a cancelled import is not one without labels', async (t) => {
  const folder = await temporaryFolder(t);
  const stop = new AbortController();
  const embed: EmbedTexts = () => {
    stop.abort();
    return Promise.reject(new CaptionError('inference-crashed', 'The inference process ended.'));
  };
  await assert.rejects(write(t, folder, embed, stop.signal), { code: 'cancelled' });
  assert.deepEqual(await readdir(folder), []);
});
