/** Which server of models the editor, a fake, names to the command line, and with whose token. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SecretStorage } from 'vscode';
import '../registerFakeVscode.js';

const { downloadEnvironment } = await import('@clipcap/client/downloadEnvironment');
const { settings } = await import('../fakeVscode.js');

const hub = 'https://huggingface.co';
const mirror = 'https://mirror.example';

interface Setting {
  readonly setting?: string;
  /** Of the editor's own environment. */
  readonly endpoint?: string;
  /** For the server that is asked. */
  readonly stored?: string;
}

/** What the command line takes for the endpoint and its token, where the editor's environment has the token `of env`. */
async function told({ setting = '', endpoint, stored }: Setting) {
  settings.set('clipcap.download.endpoint', setting);
  Object.assign(process.env, { HF_ENDPOINT: endpoint ?? '', HF_TOKEN: 'of env' });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of a storage what is asked of it
  const secrets = { get: () => Promise.resolve(stored) } as unknown as SecretStorage;
  const environment = { ...process.env, ...(await downloadEnvironment(secrets)) };
  return [environment['HF_ENDPOINT'], environment['HF_TOKEN']];
}

test('the environment’s token goes to the environment’s server, whatever names it', async () => {
  assert.deepEqual(await told({}), [hub, 'of env']);
  assert.deepEqual(await told({ endpoint: mirror }), [mirror, 'of env']);
  assert.deepEqual(await told({ setting: `${mirror}/`, endpoint: mirror }), [`${mirror}/`, 'of env']);
});

test('the environment’s token goes to no other server that a setting names', async () => {
  assert.deepEqual(await told({ setting: mirror }), [mirror, '']);
  assert.deepEqual(await told({ setting: hub, endpoint: mirror }), [hub, '']);
});

test('a stored token goes to the server that it is stored for', async () => {
  assert.deepEqual(await told({ setting: mirror, stored: 'ours' }), [mirror, 'ours']);
  assert.deepEqual(await told({ setting: hub, endpoint: mirror, stored: 'ours' }), [hub, 'ours']);
});
