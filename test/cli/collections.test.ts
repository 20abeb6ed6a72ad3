/** V8's collector in the inference process: it looks through the heap when enough pixels have come together, and not sooner. */
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { createMessageConnection } from 'vscode-jsonrpc';
import { IPCMessageReader, IPCMessageWriter } from 'vscode-jsonrpc/node';
import { captionImage, priorities } from '@clipcap/protocol/inference';
import { childOptions } from '@clipcap/server/process/child';
import { root } from '../root.js';
import { writePng } from '../writePng.js';

test('whole collections are those that are asked for after every few million pixels', async (t) => {
  const { execArgv, ...options } = childOptions();
  const child = fork(join(root, 'dist', 'inference.mjs'), [], {
    ...options,
    execArgv: [...execArgv, '--trace-gc'],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  t.after(() => child.kill('SIGKILL'));
  let printed = '';
  child.stdout!.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const connection = createMessageConnection(new IPCMessageReader(child), new IPCMessageWriter(child));
  connection.listen();
  const [width, height] = [500, 375];
  const samples = Array.from({ length: width * height }, (_, i) => i % 251);
  const bytes = writePng({ width, height, colour: 'grey', depth: 8, samples });
  const model = join(root, 'models', 'builtin');
  const captions = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const image = { model, provider: 'cpu', bytes, name: 'grey.png', sha256: '', options: {} };
      await connection.sendRequest(captionImage, { ...image, priority: priorities.batch });
    }
  };
  // What loading leaves behind is collected in the meantime.
  await captions(15);
  printed = '';
  await captions(60);
  connection.dispose();
  child.kill();
  await once(child, 'close');
  const collections = printed.split('\n').filter((line) => line.includes('Mark-Compact'));
  const asked = collections.filter((line) => line.includes('testing'));
  // 60 images of 187,500 pixels, and one collection after every four million.
  assert.ok(asked.length >= 2 && asked.length <= 3, printed);
  assert.ok(collections.length - asked.length <= 1, printed);
});
