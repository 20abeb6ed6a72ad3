import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import {
  createProtocolConnection,
  StreamMessageReader,
  StreamMessageWriter,
  type Hover,
} from 'vscode-languageserver/node';
import { captionUri, serverStatus, type ServerStatus } from '@clipcap/protocol/language';
import { fixture, root } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { hoverText } from './harness.js';

test('the built server captions a photo over standard input and output, in a hover and by request', async (context) => {
  // What this machine remembers of its providers would stand in the status.
  const env = { ...process.env, XDG_CACHE_HOME: await temporaryFolder(context) };
  const server = spawn(process.execPath, [join(root, 'dist', 'server.mjs'), '--stdio'], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(server, 'exit');
  const client = createProtocolConnection(
    new StreamMessageReader(server.stdout),
    new StreamMessageWriter(server.stdin),
  );
  const statuses: ServerStatus[] = [];
  client.onNotification(serverStatus, (status) => {
    statuses.push(status);
  });
  client.listen();
  try {
    // A client that can do next to nothing: no configuration, no folders, hovers in plain text.
    await client.sendRequest('initialize', {
      processId: process.pid,
      rootUri: null,
      capabilities: {},
      initializationOptions: { settings: { hover: { wait: 60_000 } } },
    });
    await client.sendNotification('initialized', {});
    const uri = pathToFileURL(fixture('page.md')).href;
    const text = '![a cat](photos/chelsea.jpg)\n';
    await client.sendNotification('textDocument/didOpen', {
      textDocument: { uri, languageId: 'markdown', version: 1, text },
    });
    const hover = await client.sendRequest<Hover>('textDocument/hover', {
      textDocument: { uri },
      position: { line: 0, character: 12 },
    });
    const photo = pathToFileURL(fixture('photos/chelsea.jpg')).href;
    const { model, title, image } = await client.sendRequest(captionUri, { uri: photo });
    const caption = image.captions[0];
    assert.ok(caption && caption.text.length > 0);
    assert.equal(caption.tokens.length > 0 && caption.tokens.every(({ logProb }) => logProb <= 0), true);
    const confidence = Math.exp(caption.score).toFixed(2);
    assert.ok(hoverText(hover).startsWith(`${caption.text}\n\nConfidence ${confidence}, model “${title}”.`));
    assert.equal(image.prefix.length, model.prefixLength);
    assert.ok(statuses.some(({ state }) => state === 'loading'));
    assert.deepEqual(statuses.at(-1), { state: 'ready', pack: statuses.at(-1)?.pack, provider: model.provider });
    await client.sendRequest('shutdown');
    await client.sendNotification('exit');
    assert.deepEqual(await ended, [0, null]);
  } finally {
    client.dispose();
    server.kill();
  }
});
