import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { CancellationTokenSource } from 'vscode-languageserver/node';
import { CaptionError, fromResponseError } from '@clipcap/protocol/error';
import { captionUri, restartInference } from '@clipcap/protocol/language';
import { builtinPack, closedGate, hoverText, startSession, type Session, type SessionOptions } from './harness.js';

let folder: string;
let photo: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clipcap-requests-'));
  await writeFile(join(folder, 'photo.jpg'), 'bytes');
  photo = pathToFileURL(join(folder, 'photo.jpg')).href;
});

after(() => rm(folder, { recursive: true }));

async function session(t: TestContext, options: SessionOptions = {}): Promise<Session> {
  const started = await startSession({ folders: [folder], ...options });
  t.after(() => started.end());
  return started;
}

test('a caption request answers the whole result, asked for with the settings and its own options', async (t) => {
  const { client, inference } = await session(t, { settings: { decoding: { strategy: 'beam', beams: 3 } } });
  const result = await client.sendRequest(captionUri, { uri: photo, options: { nearest: 2 } });
  assert.equal(result.image.captions[0]?.text, 'a fake caption');
  const [asked] = inference.asked;
  assert.equal(asked?.model, builtinPack);
  assert.equal(asked?.provider, 'auto');
  assert.equal(Buffer.from(asked?.bytes ?? []).toString(), 'bytes');
  assert.deepEqual(asked?.options, { strategy: 'beam', beams: 3, nearest: 2 });
});

test('a failure keeps its code and message across the connection', async (t) => {
  const { client, inference } = await session(t);
  inference.failure = new CaptionError('too-many-pixels', 'photo.jpg has too many pixels; make it smaller.');
  const failure = await client.sendRequest(captionUri, { uri: photo }).catch(fromResponseError);
  assert.ok(failure instanceof CaptionError);
  assert.equal(failure.code, 'too-many-pixels');
  assert.match(failure.message, /make it smaller/u);
});

test('a missing file and a URI that is no file are refused with their codes', async (t) => {
  const { client } = await session(t);
  for (const [uri, code] of [
    [`${photo}.gone.jpg`, 'missing'],
    ['https://example.org/a.jpg', 'not-a-file'],
    ['untitled:a.jpg', 'not-a-file'],
  ] as const) {
    const failure = await client.sendRequest(captionUri, { uri }).catch(fromResponseError);
    assert.ok(failure instanceof CaptionError, uri);
    assert.equal(failure.code, code);
  }
});

test('cancelling a caption request cancels its run', async (t) => {
  const { client, inference } = await session(t);
  const cancel = new CancellationTokenSource();
  inference.gate = closedGate().gate;
  const caption = inference.caption.bind(inference);
  inference.caption = (params, token) => {
    cancel.cancel();
    return caption(params, token);
  };
  const failure = await client.sendRequest(captionUri, { uri: photo }, cancel.token).catch(fromResponseError);
  assert.ok(failure instanceof CaptionError);
  assert.equal(failure.code, 'cancelled');
  assert.equal(inference.tokens[0]?.isCancellationRequested, true);
});

test('changed settings hold from the next request on: model, provider and decoding', async (t) => {
  const { client, configure, inference } = await session(t);
  await client.sendRequest(captionUri, { uri: photo });
  await configure({ model: 'packs/mine', provider: 'cpu', decoding: { strategy: 'greedy', beams: 9 } });
  await client.sendRequest(captionUri, { uri: photo });
  const asked = inference.asked.at(-1);
  assert.equal(inference.asked.length, 2);
  assert.equal(asked?.model, join(folder, 'packs/mine'));
  assert.equal(asked?.provider, 'cpu');
  assert.deepEqual(asked?.options, { strategy: 'greedy' });
  await configure({ model: '~/packs/mine' });
  await client.sendRequest(captionUri, { uri: photo });
  assert.equal(inference.asked.at(-1)?.model, join(homedir(), 'packs/mine'));
});

test('in a workspace that is not trusted no relative model path leads into it', async (t) => {
  const initializationOptions = { trusted: false };
  const { client, inference } = await session(t, { settings: { model: 'packs/mine' }, initializationOptions });
  await client.sendRequest(captionUri, { uri: photo });
  assert.equal(inference.asked[0]?.model, join(homedir(), 'packs/mine'));
});

test('settings of the wrong type take their defaults, numbers out of range the nearest bound', async (t) => {
  const { client, inference } = await session(t, {
    settings: { model: 7, provider: 'gpu', decoding: { strategy: 'beam', beams: 1000 }, idleMinutes: -1, hover: null },
  });
  await client.sendRequest(captionUri, { uri: photo });
  const [asked] = inference.asked;
  assert.equal(asked?.model, builtinPack);
  assert.equal(asked?.provider, 'auto');
  assert.equal(asked?.options.beams, 16);
  assert.equal(inference.idleMilliseconds(), 6000);
});

test('another model is loaded at once where one is resident, and only then', async (t) => {
  const { client, configure, inference } = await session(t, { settings: { idleMinutes: 5 } });
  await client.sendRequest(captionUri, { uri: photo });
  assert.equal(inference.idleMilliseconds(), 300_000);
  await configure({ idleMinutes: 1, model: '/packs/first' });
  await client.sendRequest(captionUri, { uri: photo });
  assert.equal(inference.idleMilliseconds(), 60_000);
  assert.deepEqual(inference.loaded, []);
  inference.enter({ state: 'failed', code: 'pack-missing', reason: 'There is no pack.' });
  await configure({ idleMinutes: 1, model: '/packs/second' });
  await client.sendRequest(captionUri, { uri: photo });
  assert.deepEqual(inference.loaded, ['/packs/second']);
});

test('restart restarts inference, loads the model and forgets earlier captions', async (t) => {
  const { client, inference } = await session(t);
  await client.sendRequest(captionUri, { uri: photo });
  await client.sendRequest(restartInference);
  assert.equal(inference.restarts, 1);
  assert.deepEqual(inference.loaded, [builtinPack]);
  await client.sendRequest(captionUri, { uri: photo });
  assert.equal(inference.asked.length, 2);
});

test('a restart that cannot load the model says why', async (t) => {
  const { client, inference } = await session(t);
  inference.failure = new CaptionError('pack-invalid', 'The pack is broken; import it again.');
  const failure = await client.sendRequest(restartInference).catch(fromResponseError);
  assert.ok(failure instanceof CaptionError);
  assert.equal(failure.code, 'pack-invalid');
});

test('every change of health is pushed, with the pack, the provider and the reason', async (t) => {
  const { client, statuses, inference, configure } = await session(t);
  await client.sendRequest(captionUri, { uri: photo });
  inference.enter({ state: 'loading', model: builtinPack });
  inference.enter({ state: 'failed', code: 'pack-missing', reason: 'There is no pack.' });
  const model = { id: 'm', encoder: '', mapper: '', prefixLength: 1, width: 1, dtype: 'q8', provider: 'cpu' };
  inference.enter({ state: 'ready', model, title: 'A Pack' });
  await configure({ model: '/packs/other' });
  await client.sendRequest(captionUri, { uri: photo });
  const [first, ...changes] = statuses;
  assert.deepEqual(first, { state: 'idle', pack: 'builtin', provider: 'auto' });
  assert.deepEqual(changes.slice(0, 3), [
    { state: 'loading', pack: 'builtin', provider: 'auto' },
    { state: 'failed', pack: 'builtin', provider: 'auto', reason: 'There is no pack.' },
    { state: 'ready', pack: 'A Pack', provider: 'cpu' },
  ]);
});

test('shutting down ends the inference process', async (t) => {
  const { client, inference } = await startSession({ folders: [folder] });
  t.after(() => {
    client.dispose();
  });
  await client.sendRequest(captionUri, { uri: photo });
  await client.sendRequest('shutdown');
  assert.ok(inference.disposed);
});

test('command captions come before batches and after hovers', async (t) => {
  const { client, hoverAt, configure, inference } = await session(t);
  hoverText(await hoverAt(join(folder, 'page'), 'markdown', '![|](photo.jpg)'));
  await configure({ provider: 'cpu' });
  await client.sendRequest(captionUri, { uri: photo });
  const [hover, command] = inference.asked;
  assert.ok(hover && command && hover.priority < command.priority && command.priority < 2);
});

test('a change of settings that says nothing of ours, from a client that cannot be asked, changes nothing', async (t) => {
  const { client, inference } = await session(t, {
    asksForSettings: false,
    initializationOptions: { settings: { model: '/packs/mine' } },
  });
  await client.sendNotification('workspace/didChangeConfiguration', { settings: { other: 1 } });
  await client.sendRequest(captionUri, { uri: photo });
  assert.equal(inference.asked[0]?.model, '/packs/mine');
  await client.sendNotification('workspace/didChangeConfiguration', { settings: { clipcap: { model: '/packs/new' } } });
  await client.sendRequest(captionUri, { uri: photo });
  assert.equal(inference.asked[1]?.model, '/packs/new');
});
