/** An import whose mapper says the same of every image is told so, on the command line and in the editor, which is a fake. */
import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { LogOutputChannel } from 'vscode';
import type { ImportDocument } from '@clipcap/protocol/import';
import '../registerFakeVscode.js';
import { fixture, root } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { withZeros } from '../withValue.js';
import { clipcap } from './clipcap.js';

const { importCheckpoint } = await import('@clipcap/client/importCheckpoint');
const { user, Uri } = await import('../fakeVscode.js');

const files = (name: string): string => fixture(`import/${name}`);
const warning = /prefix hardly depends on the image\. Do encoder and normalisation belong to this mapper\?/u;

/** A checkpoint and its tokenizer; of its mapper only the last biases are left, if it is `constant`. */
async function checkpointIn(folder: string, constant: boolean): Promise<string> {
  const path = join(folder, 'mlp.pt');
  if (constant) await withZeros(files('mlp.pt'), 'clip_project.model.2.weight', path);
  else await cp(files('mlp.pt'), path);
  await cp(files('tokenizer.json'), join(folder, 'tokenizer.json'));
  return path;
}

/** Imports on the command line. */
async function imported(t: TestContext, constant: boolean, ...args: readonly string[]): Promise<string> {
  const folder = await temporaryFolder(t);
  const checkpoint = await checkpointIn(folder, constant);
  const out = join(folder, 'pack');
  const command = ['import', checkpoint, '--encoder', files('clip-hf'), '--out', out];
  const { code, stdout, stderr } = await clipcap([...command, ...args]);
  assert.equal(code, 0, stderr);
  return stdout;
}

for (const constant of [true, false]) {
  const [what, says] = constant ? ['is the same for all images', 'warns'] : ['depends on the image', 'does not warn'];

  test(`where the prefix ${what}, the document of an import ${says}`, async (t) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is wrong with it shows in what is asked of it
    const document = JSON.parse(await imported(t, constant, '--json')) as ImportDocument;
    assert.equal(document.check!.prefixDifference < 1e-3, constant);
    if (constant) assert.match(document.warning!, warning);
    else assert.equal('warning' in document, false);
  });

  test(`where the prefix ${what}, the report of an import ${says}`, async (t) => {
    assert.equal(warning.test(await imported(t, constant)), constant);
  });

  test(`where the prefix ${what}, the editor’s notice of an import ${says}`, async (t) => {
    const folder = await temporaryFolder(t);
    const checkpoint = await checkpointIn(folder, constant);
    process.env['CLIPCAP_MODELS'] = join(folder, 'models');
    user.answers = [Uri.file(checkpoint), 'Folder…', Uri.file(files('clip-hf')), '32 bit', 'as the encoder gives it'];
    user.notices = [];
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of a log what an import uses
    const log = { info: () => undefined, warn: () => undefined, error: () => undefined } as unknown as LogOutputChannel;
    await importCheckpoint({ module: join(root, 'dist', 'cli.mjs'), packs: Uri.file(join(folder, 'packs')), log });
    const [notice] = user.notices;
    assert.equal(user.notices.length, 1);
    assert.match(notice!.message, /^mlp\.pt was imported: /u);
    assert.equal(notice!.kind, constant ? 'warning' : 'information');
    assert.equal(warning.test(notice!.message), constant);
  });
}
