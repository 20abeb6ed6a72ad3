/** The server's health as the editor shows it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultSettings } from '@clipcap/server/language/settings';
import { statusOf } from '@clipcap/server/language/status';

const model = { id: 'm', encoder: '', mapper: '', prefixLength: 1, width: 1, dtype: 'q8', provider: 'webgpu' };

test('a ready model names the provider that runs it, and those that are refused or slow with their reasons', () => {
  const refused = { provider: 'cuda', state: 'refused', reason: 'no device' } as const;
  const slow = { provider: 'directml', state: 'slow', reason: 'slower' } as const;
  const providers = [
    refused,
    slow,
    { provider: 'webgpu', state: 'trusted', reason: '' },
    { provider: 'cpu', state: 'trusted', reason: '' },
    { provider: 'coreml', state: 'absent', reason: 'it is not for linux' },
  ] as const;
  const status = statusOf({ state: 'ready', model, title: 'A Pack', providers }, defaultSettings, false);
  assert.deepEqual(status, { state: 'ready', pack: 'A Pack', provider: 'webgpu', unused: [refused, slow] });
});

test('where no provider is refused, there is nothing to say of them', () => {
  const providers = [{ provider: 'coreml', state: 'absent', reason: 'it is not for linux' }] as const;
  const status = statusOf({ state: 'ready', model, title: 'A Pack', providers }, defaultSettings, false);
  assert.deepEqual(status, { state: 'ready', pack: 'A Pack', provider: 'webgpu' });
});

test('a CUDA provider that only has to be installed is news where there is an NVIDIA driver', () => {
  const absent = { provider: 'cuda', state: 'absent', reason: 'its library is not installed' } as const;
  const providers = [absent, { provider: 'coreml', state: 'absent', reason: 'it is not for linux' }] as const;
  const ready = { state: 'ready', model, title: 'A Pack', providers } as const;
  assert.deepEqual(statusOf(ready, defaultSettings, true).unused, [absent]);
  assert.equal(statusOf(ready, defaultSettings, false).unused, undefined);
});
