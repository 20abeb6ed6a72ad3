/** An import that is cancelled before it has begun to write. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { LogOutputChannel } from 'vscode';
import { planImport } from '@clipcap/models/import/planImport';
import { CaptionError } from '@clipcap/protocol/error';
import '../registerFakeVscode.js';
import { fixture, root } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { start } from './clipcap.js';

const { importCheckpoint } = await import('@clipcap/client/importCheckpoint');
const { user, Uri } = await import('../fakeVscode.js');

const files = (name: string): string => fixture(`import/${name}`);
const [checkpoint, encoder, tokenizer] = [files('mlp.pt'), files('clip-hf'), files('tokenizer.json')];

test('“Cancel” in the editor, a fake, while files are read ends the import', async (t) => {
  const folder = await temporaryFolder(t);
  process.env['CLIPCAP_MODELS'] = join(folder, 'models');
  user.answers = [Uri.file(checkpoint), 'Folder…', Uri.file(encoder), '32 bit', 'as the encoder gives it'];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of a log what an import uses
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined } as unknown as LogOutputChannel;
  const packs = Uri.file(join(folder, 'packs'));
  const importing = importCheckpoint({ module: join(root, 'dist', 'cli.mjs'), packs, log });
  while (user.progress.length === 0) await setTimeout(5);
  user.cancel();
  await importing;
  assert.deepEqual(user.progress, ['Reading mlp.pt']);
  assert.deepEqual(user.notices, []);
  assert.deepEqual(await readdir(folder), []);
});

test('an editor that closes its channel while the command line starts has cancelled', async (t) => {
  const folder = await temporaryFolder(t);
  const args = ['import', checkpoint, '--encoder', encoder, '--no-check', '--out', join(folder, 'pack')];
  const child = start(args, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  child.disconnect();
  assert.deepEqual(await once(child, 'exit'), [130, null]);
  assert.deepEqual(await readdir(folder), []);
});

test('an import that is cancelled while its files are opened makes no plan', async () => {
  const stop = new AbortController();
  const request = { checkpoint, encoder, tokenizer, dtype: 'fp32', id: 'pack', classNames: [] } as const;
  const planning = planImport(request, stop.signal);
  stop.abort();
  await assert.rejects(planning, (error) => error instanceof CaptionError && error.code === 'cancelled');
});
