/** `clipcap models` and `clipcap get` as processes, against a fake of the hub on this machine. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { openPack } from '@clipcap/models/pack/openPack';
import { FakeHub } from '../fakeHub.js';
import { readTensors } from '../readTensors.js';
import { fixture, root } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { keys, pressAtQuestion } from './atTerminal.js';
import { clipcap, finish, start, type Finished } from './clipcap.js';

const id = 'someone/model';
const weights = randomBytes(3_000_000);
const config = Buffer.from('{}');

interface Setting {
  readonly hub: FakeHub;
  readonly store: string;
  readonly env: NodeJS.ProcessEnv;
  readonly get: (args: readonly string[], more?: NodeJS.ProcessEnv) => Promise<Finished>;
}

async function setUp(context: TestContext): Promise<Setting> {
  const hub = await FakeHub.start(context);
  hub.put(`${id}/config.json`, config, false);
  hub.put(`${id}/model.safetensors`, weights);
  const store = await temporaryFolder(context);
  const env = { PATH: process.env['PATH'], HF_ENDPOINT: hub.endpoint, CLIPCAP_MODELS: store };
  const get: Setting['get'] = (args, more) => clipcap(['get', ...args], { env: { ...env, ...more } });
  return { hub, store, env, get };
}

function errorOf(json: string): { readonly code: string; readonly message: string } {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is wrong with it shows in what tests ask of it
  return (JSON.parse(json) as { error: { code: string; message: string } }).error;
}

async function assertWhole(folder: string): Promise<void> {
  assert.deepEqual((await readdir(folder)).toSorted(), ['config.json', 'download.json', 'model.safetensors']);
  assert.ok((await readFile(join(folder, 'model.safetensors'))).equals(weights));
}

/** The hub's other server sends half of the weights, and then nothing more. */
function stall(hub: FakeHub): Promise<void> {
  return new Promise((resolve) => {
    hub.trouble = (request, response, server) => {
      if (server !== 'files' || request.method !== 'GET') return false;
      response.writeHead(200, { 'content-length': weights.length, etag: hub.etag });
      response.write(weights.subarray(0, 1_500_000), () => resolve());
      return true;
    };
  });
}

/** Resolves when a file that is arriving has some bytes. */
async function arriving(folder: string): Promise<string> {
  for (;;) {
    const entries = await readdir(folder).catch(() => []);
    const part = entries.find((entry) => entry.startsWith('model.safetensors.part'));
    if (part !== undefined && (await readFile(join(folder, part, 'data')).catch(() => '')).length > 0) return part;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('models lists what each is good for, its size and its licence, and which are here', async (context) => {
  const { env } = await setUp(context);
  const { code, stdout } = await clipcap(['models'], { env });
  assert.equal(code, 0);
  assert.match(stdout, /openai\/clip-vit-base-patch32\n {2}encoder, 605\.3 MB: /u);
  assert.match(stdout, /clipcap-coco-transformer\n[^]*Only a browser can download it: https:\/\/drive\.google\.com\//u);
  assert.ok(stdout.includes(env['CLIPCAP_MODELS'] ?? '-'));
  const json: unknown = JSON.parse((await clipcap(['models', '--json'], { env })).stdout);
  assert.ok(json !== null && typeof json === 'object' && 'models' in json && Array.isArray(json.models));
});

test('where nobody can be asked, nothing is downloaded without --yes', async (context) => {
  const { hub, get } = await setUp(context);
  const { code, stderr, stdout } = await get([id]);
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(stderr, new RegExp(`Ask ${new URL(hub.endpoint).host} how large.*--yes`, 'u'));
  const known = await get(['openai/clip-vit-base-patch32']);
  assert.match(known.stderr, /605\.3 MB \(605,251,573 bytes\), from 127\.0\.0\.1:\d+\. Say --yes/u);
  assert.equal(hub.connections, 0);
});

for (const [name, key] of Object.entries(keys)) {
  test(
    `${name} at the question is no consent`,
    { skip: process.platform !== 'linux' && 'needs script(1) as Linux has it' },
    async (context) => {
      const { hub, env } = await setUp(context);
      const words = [process.execPath, join(root, 'dist', 'cli.mjs'), 'get', id];
      const { code, shown } = await pressAtQuestion(words, key, env);
      assert.equal(code, 1, shown);
      assert.match(shown, /Nothing was downloaded/u);
      assert.equal(hub.connections, 0);
    },
  );
}

test('--yes downloads, says how much from where, and prints the folder for another command', async (context) => {
  const { hub, store, get } = await setUp(context);
  const { code, stdout, stderr } = await get([id, '--yes']);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, `${join(store, 'someone--model')}\n`);
  await assertWhole(stdout.trim());
  assert.match(
    stderr,
    /Download someone\/model, 3\.0 MB \(3,000,002 bytes\), from 127\.0\.0\.1:\d+ and 127\.0\.0\.1:\d+\./u,
  );
  const connections = hub.connections;
  const listed = await clipcap(['models'], { env: { CLIPCAP_MODELS: store } });
  assert.match(listed.stdout, /^someone\/model\n[^]*Here: .*someone--model$/mu);
  const again = await get([id, '--json'], { CLIPCAP_OFFLINE: '1' });
  assert.deepEqual(JSON.parse(again.stdout), { version: 1, id, folder: stdout.trim() });
  assert.equal(hub.connections, connections);
});

test('a program that asks the user itself gets the questions, one after the other, and no download', async (context) => {
  const { hub, store, get } = await setUp(context);
  const first = await get([id, '--ask']);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /"kind": "size"/u);
  assert.equal(hub.connections, 0);
  const second = await get([id, '--ask', '--yes']);
  assert.match(
    second.stdout,
    /"kind": "download",\s*"text": "Download someone\/model, 3\.0 MB \(3,000,002 bytes\), from /u,
  );
  assert.equal(hub.asked('hub', 'GET').length, 0);
  assert.deepEqual(await readdir(store), []);
});

test('offline mode asks nobody', async (context) => {
  const { hub, get } = await setUp(context);
  for (const name of ['CLIPCAP_OFFLINE', 'HF_HUB_OFFLINE']) {
    const { code, stdout } = await get([id, '--yes', '--json'], { [name]: '1' });
    assert.equal(code, 1);
    assert.equal(errorOf(stdout).code, 'download-offline');
  }
  assert.equal(hub.connections, 0);
});

test('what only a browser can fetch is told with its page, and nobody is asked', async (context) => {
  const { hub, get } = await setUp(context);
  const { code, stdout } = await get(['clipcap-coco-transformer', '--yes', '--json']);
  assert.equal(code, 1);
  assert.equal(errorOf(stdout).code, 'download-manual');
  assert.match(errorOf(stdout).message, /https:\/\/drive\.google\.com\/file\/d\//u);
  const unknown = await get(['no such model', '--yes', '--json']);
  assert.equal(errorOf(unknown.stdout).code, 'model-unknown');
  assert.equal(hub.connections, 0);
});

test('HF_TOKEN opens what is gated', async (context) => {
  const { hub, get } = await setUp(context);
  hub.token = 'secret';
  const refused = await get([id, '--yes', '--json']);
  assert.equal(errorOf(refused.stdout).code, 'download-refused');
  const { code, stdout } = await get([id, '--yes'], { HF_TOKEN: 'secret' });
  assert.equal(code, 0);
  await assertWhole(stdout.trim());
});

test('HF_TOKEN goes to the server of HF_ENDPOINT, and to no other that --endpoint names', async (context) => {
  const { hub, get } = await setUp(context);
  const other = await setUp(context);
  const token = { HF_TOKEN: 'secret' };
  assert.equal((await get([id, '--yes', '--endpoint', other.hub.endpoint], token)).code, 0);
  assert.ok(other.hub.seen.length > 0);
  assert.deepEqual([...new Set(other.hub.seen.map(({ authorization }) => authorization))], [undefined]);

  hub.token = 'secret';
  const same = await other.get([id, '--yes', '--endpoint', `${hub.endpoint}/`], {
    ...token,
    HF_ENDPOINT: hub.endpoint,
  });
  assert.equal(same.code, 0, same.stderr);
});

function readFixture(name: string): Promise<Buffer> {
  return readFile(fixture(`import/${name}`));
}

test('what was downloaded is imported by its id, offline: a checkpoint that is one file, an encoder in several', async (context) => {
  const { hub, store, env, get } = await setUp(context);
  const whole = await readFixture('clip-hf/model.safetensors');
  const tensors = await readTensors(fixture('import/clip-hf/model.safetensors'));
  const map = Object.fromEntries([...tensors.keys()].map((name) => [name, 'part-1.safetensors']));
  hub.put('someone/clip/config.json', await readFixture('clip-hf/config.json'), false);
  hub.put('someone/clip/model.safetensors.index.json', Buffer.from(JSON.stringify({ weight_map: map })), false);
  hub.put('someone/clip/part-1.safetensors', whole);
  hub.put('someone/captions/mlp.pt', await readFixture('mlp.pt'));
  for (const name of ['someone/clip', 'someone/captions/mlp.pt']) {
    const { code, stderr } = await get([name, '--yes']);
    assert.equal(code, 0, stderr);
  }
  const out = join(store, 'pack');
  const more = ['--tokenizer', fixture('import/tokenizer.json'), '--no-check', '--out', out];
  const offline = { env: { ...env, CLIPCAP_OFFLINE: '1' } };
  const { code, stderr } = await clipcap(
    ['import', 'someone/captions/mlp.pt', '--encoder', 'someone/clip', ...more],
    offline,
  );
  assert.equal(code, 0, stderr);
  assert.equal((await openPack(out)).manifest.encoder.kind, 'clip-vit');
});

test('a process that was killed leaves what the next one goes on with', async (context) => {
  const { hub, store, env, get } = await setUp(context);
  const stalled = stall(hub);
  const child = start(['get', id, '--yes'], { env });
  await stalled;
  await arriving(join(store, 'someone--model'));
  child.kill('SIGKILL');
  await finish(child);
  hub.trouble = () => false;
  const { code, stdout, stderr } = await get([id, '--yes']);
  assert.equal(code, 0, stderr);
  await assertWhole(stdout.trim());
  const last = hub.asked('files', 'GET').at(-1);
  assert.equal(last?.status, 206);
  assert.match(last?.range ?? '', /^bytes=[1-9]\d*-$/u);
});

test('while one process downloads, another one does not touch the file; interrupted, the first keeps what came', async (context) => {
  const { hub, store, env, get } = await setUp(context);
  const stalled = stall(hub);
  const child = start(['get', id, '--yes'], { env });
  await stalled;
  await arriving(join(store, 'someone--model'));
  const second = await get([id, '--yes', '--json']);
  assert.equal(second.code, 1);
  assert.equal(errorOf(second.stdout).code, 'download-busy');
  assert.match(errorOf(second.stdout).message, new RegExp(String(child.pid), 'u'));
  child.kill('SIGINT');
  const first = await finish(child);
  assert.equal(first.code, 130);
  assert.equal(await arriving(join(store, 'someone--model')), 'model.safetensors.part');
});

test('two processes at a time end in one whole model', async (context) => {
  const { store, get } = await setUp(context);
  const results = await Promise.all([get([id, '--yes', '--json']), get([id, '--yes', '--json'])]);
  for (const { code, stdout } of results) if (code !== 0) assert.equal(errorOf(stdout).code, 'download-busy');
  assert.ok(results.some(({ code }) => code === 0));
  await assertWhole(join(store, 'someone--model'));
});

test('an editor is told how far it is, and closing its channel stops the download', async (context) => {
  const { hub, env } = await setUp(context);
  const stalled = stall(hub);
  const child = start(['get', id, '--yes', '--json'], { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  // What is on the disk may be told only later.
  const told = new Promise((resolve) => {
    child.on('message', (message) => {
      if (message === '1.5 MB of 3.0 MB, 50 %') resolve(message);
    });
  });
  await Promise.all([stalled, told]);
  child.disconnect();
  // Its 'close' never comes once this side has ended the channel.
  const [said] = await Promise.all([child.stdout ? text(child.stdout) : '', once(child, 'exit')]);
  assert.equal(child.exitCode, 130);
  assert.equal(errorOf(said).code, 'cancelled');
});

test('HTTP_PROXY is asked in place of the server, and NO_PROXY exempts it', async (context) => {
  const { hub, get } = await setUp(context);
  let asked = 0;
  const proxy = createServer((_, response) => response.writeHead(403).end()).on('connect', (_, socket) => {
    asked++;
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  context.after(() => proxy.close());
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  const HTTP_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const refused = await get([id, '--yes', '--json'], { HTTP_PROXY });
  assert.equal(refused.code, 1);
  assert.equal(hub.connections, 0);
  assert.ok(asked > 0);
  const direct = await get([id, '--yes'], { HTTP_PROXY, NO_PROXY: '127.0.0.1' });
  assert.equal(direct.code, 0, direct.stderr);
});

test(
  'a limit of the disk is told, and what came before it is kept',
  { skip: process.platform === 'win32' && 'needs a POSIX shell' },
  async (context) => {
    const { store, env } = await setUp(context);

    // The limit counts blocks of 512 or 1024 bytes: 1 or 2 MB.
    const script = `ulimit -f 2000; exec "$0" "$1" get ${id} --yes --json`;
    const child = spawn('sh', ['-c', script, process.execPath, join(root, 'dist', 'cli.mjs')], { env, stdio: 'pipe' });
    const { code, stdout, stderr } = await finish(child);
    assert.equal(code, 1, stderr);
    assert.equal(errorOf(stdout).code, 'download-space');
    assert.equal(await arriving(join(store, 'someone--model')), 'model.safetensors.part');
  },
);
