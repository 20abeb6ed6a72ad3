/** Downloads over real sockets, from a fake of the hub on this machine. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs, { mkdir, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import { connect, type AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Connection, type ConnectionOptions } from '@clipcap/models/download/connection';
import { getModel, type Progress, type Question } from '@clipcap/models/download/getModel';
import { folderOf, readNote, storedModel } from '@clipcap/models/download/store';
import { owner } from '@clipcap/models/owner';
import { findModel, type Model } from '@clipcap/models/registry/registry';
import { CaptionError } from '@clipcap/protocol/error';
import { FakeHub, commit, cutAfter, sha256 } from '../fakeHub.js';
import { temporaryFolder } from '../temporaryFolder.js';

const id = 'someone/model';
const weights = randomBytes(5_000_000);
/** Where connections are cut. */
const cut = 2_000_000;
/** What may be lost of a cut connection: the buffers between its socket and the disk. */
const buffers = 200_000;
const config = Buffer.from('{"hidden_size": 4}');

/** A model whose sizes nobody knows before the server is asked. */
const model: Model = {
  id,
  title: 'A model',
  kind: 'encoder',
  repository: id,
  revision: 'main',
  files: [{ name: 'config.json' }, { name: 'model.safetensors' }],
  licence: 'none',
  goodFor: 'tests',
  goesWith: [],
};

/** The same with what a registry can know. */
const described: Model = {
  ...model,
  files: [
    { name: 'config.json', size: config.length, sha256: sha256(config) },
    { name: 'model.safetensors', size: weights.length, sha256: sha256(weights) },
  ],
};

interface Setting {
  readonly hub: FakeHub;
  readonly store: string;
  /** What was asked of the user. */
  readonly questions: Question[];
  /** How long was waited before further attempts, in milliseconds. */
  readonly waits: number[];
  readonly progress: Progress[];
  readonly get: (wanted?: Model, options?: GetOptions) => Promise<string | undefined>;
}

interface GetOptions extends ConnectionOptions {
  readonly yes?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

async function setUp(context: TestContext): Promise<Setting> {
  const hub = await FakeHub.start(context);
  hub.put(`${id}/config.json`, config, false);
  hub.put(`${id}/model.safetensors`, weights);
  const store = await temporaryFolder(context);
  const questions: Question[] = [];
  const waits: number[] = [];
  const progress: Progress[] = [];
  const get: Setting['get'] = async (wanted = model, { yes = true, signal, onProgress, ...options } = {}) => {
    const connection = new Connection({ endpoint: hub.endpoint, ...options });
    try {
      return await getModel(wanted, {
        connection,
        store,
        signal,
        consent: (question) => {
          questions.push(question);
          return Promise.resolve(yes);
        },
        progress: (now) => {
          progress.push(now);
          onProgress?.(now);
        },
        patience: {
          attempts: 4,
          random: () => 0,
          wait: (milliseconds) => {
            waits.push(milliseconds);
            return Promise.resolve();
          },
        },
      });
    } finally {
      await connection.close();
    }
  };
  return { hub, store, questions, waits, progress, get };
}

function failsWith(code: string, pattern?: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof CaptionError, String(error));
    assert.equal(error.code, code, error.message);
    if (pattern) assert.match(error.message, pattern);
    return true;
  };
}

async function assertWhole(folder: string | undefined): Promise<void> {
  assert.ok(folder !== undefined);
  assert.deepEqual((await readdir(folder)).toSorted(), ['config.json', 'download.json', 'model.safetensors']);
  assert.ok((await readFile(join(folder, 'model.safetensors'))).equals(weights));
  assert.ok((await readFile(join(folder, 'config.json'))).equals(config));
}

test('a model comes whole, from one commit, with progress up to its last byte', async (context) => {
  const { hub, store, progress, get } = await setUp(context);
  const folder = await get();
  await assertWhole(folder);
  assert.equal(await storedModel(id, store), folder);
  assert.deepEqual(
    hub.asked('hub', 'GET').map(({ url }) => url),
    [`/${id}/resolve/${commit}/config.json`, `/${id}/resolve/${commit}/model.safetensors`],
  );
  const total = config.length + weights.length;
  assert.ok(progress.every((now) => now.total === total));
  assert.equal(progress.at(-1)?.received, total);
});

test('the note of a model has the times of its files, which need not be read again while they stay', async (context) => {
  const { get } = await setUp(context);
  const folder = (await get()) ?? '';
  for (const [name, { modified, changed }] of Object.entries((await readNote(folder))!.files)) {
    const { mtimeMs, ctimeMs } = await stat(join(folder, name));
    assert.deepEqual({ modified, changed }, { modified: mtimeMs, changed: ctimeMs }, name);
  }
});

test('nothing is asked of a server before the user agrees: first to ask for the size, then to the size', async (context) => {
  const { hub, questions, get } = await setUp(context);
  assert.equal(await get(model, { yes: false }), undefined);
  assert.equal(hub.connections, 0);
  await get();
  const host = new URL(hub.endpoint).host;
  const bytes = config.length + weights.length;
  const hosts = [host, new URL(hub.fileServer).host];
  assert.deepEqual(questions, [
    { kind: 'size', model, host },
    { kind: 'size', model, host },
    { kind: 'download', model, bytes, missing: bytes, hosts },
  ]);
});

test('a size that the registry knows is the only question', async (context) => {
  const { hub, questions, get } = await setUp(context);
  assert.equal(await get(described, { yes: false }), undefined);
  assert.equal(hub.connections, 0);
  await assertWhole(await get(described));
  assert.deepEqual(
    questions.map(({ kind }) => kind),
    ['download', 'download'],
  );
});

test('a model that is there is not downloaded again, and no server is asked', async (context) => {
  const { hub, questions, get } = await setUp(context);
  const folder = await get();
  const before = hub.connections;
  assert.equal(await get(model, { yes: false, offline: true }), folder);
  assert.equal(hub.connections, before);
  assert.equal(questions.length, 2);
});

test('offline mode refuses before a socket is opened, and before the user is asked', async (context) => {
  const { hub, questions, get } = await setUp(context);
  await assert.rejects(get(model, { offline: true }), failsWith('download-offline', /clipcap\.offline/u));
  assert.equal(hub.connections, 0);
  assert.deepEqual(questions, []);
});

test('a cut connection goes on where it was cut, if the server still has the same file', async (context) => {
  const { hub, waits, get } = await setUp(context);
  let cuts = 0;
  hub.trouble = (request, response, server) => {
    if (server !== 'files' || request.method !== 'GET' || cuts === 2) return false;
    cuts++;
    cutAfter(hub, cut, request, response);
    return true;
  };
  await assertWhole(await get());
  const [first, second, third] = hub.asked('files', 'GET');
  assert.equal(first?.range, undefined);
  for (const [request, expected] of [
    [second, cut],
    [third, 2 * cut],
  ] as const) {
    const from = Number(/^bytes=(\d+)-$/u.exec(request?.range ?? '')?.[1]);
    assert.ok(from <= expected && from > expected - 2 * buffers, request?.range);
    assert.equal(request?.ifRange, '"1"');
    assert.equal(request.status, 206);
  }
  assert.deepEqual(waits, [1000, 1000], 'whoever got further is patient from the beginning');
});

test('a file that changed on the server between two connections comes anew from its first byte', async (context) => {
  const { hub, get } = await setUp(context);
  hub.namesHash = false;
  let hasCut = false;
  const old = randomBytes(weights.length);
  hub.put(`${id}/model.safetensors`, old);
  hub.trouble = (request, response, server) => {
    if (server !== 'files' || request.method !== 'GET' || hasCut) return false;
    hasCut = true;
    cutAfter(hub, cut, request, response);
    hub.etag = '"2"';
    hub.put(`${id}/model.safetensors`, weights);
    return true;
  };
  await assertWhole(await get());
  assert.deepEqual(
    hub.asked('files', 'GET').map(({ ifRange, status }) => [ifRange, status]),
    [
      [undefined, 200],
      ['"1"', 200],
    ],
  );
});

test('a server without ranges sends the whole file again', async (context) => {
  const { hub, get } = await setUp(context);
  hub.ranges = false;
  let hasCut = false;
  hub.trouble = (request, response, server) => {
    if (server !== 'files' || request.method !== 'GET' || hasCut) return false;
    hasCut = true;
    cutAfter(hub, cut, request, response);
    return true;
  };
  await assertWhole(await get());
});

test('a range that the server refuses (416), or answers with other bytes, never ends up in the file', async (context) => {
  const { hub, get } = await setUp(context);
  let step = 0;
  hub.trouble = (request, response, server) => {
    if (server !== 'files' || request.method !== 'GET' || step === 2) return false;
    if (step++ === 0) cutAfter(hub, cut, request, response);
    else response.writeHead(416, { 'content-range': `bytes */${weights.length}` }).end();
    return true;
  };
  await assertWhole(await get());

  const other = await setUp(context);
  step = 0;
  other.hub.trouble = (request, response, server) => {
    if (server !== 'files' || request.method !== 'GET') return false;
    if (step++ === 0) cutAfter(other.hub, cut, request, response);
    else {
      const range = `bytes 50000-${weights.length - 1}/${weights.length}`;
      response.writeHead(206, { 'content-range': range }).end(weights.subarray(50_000));
    }
    return true;
  };
  await assert.rejects(other.get(), failsWith('download-mismatch'));
});

test('a download that was stopped is kept, and the next one asks for what is missing', async (context) => {
  const { hub, questions, store, get } = await setUp(context);
  const stop = new AbortController();
  hub.trouble = (request, response, server) => {
    if (server !== 'files' || request.method !== 'GET') return false;
    response.writeHead(200, { 'content-length': weights.length, etag: hub.etag });
    response.write(weights.subarray(0, 1_500_000));
    return true;
  };
  const onProgress = ({ received }: Progress): void => {
    if (received >= config.length + 1_500_000) stop.abort();
  };
  await assert.rejects(get(model, { signal: stop.signal, onProgress }), failsWith('cancelled'));
  assert.equal(await storedModel(id, store), undefined);
  assert.deepEqual((await readdir(folderOf(id, store))).toSorted(), [
    'config.json',
    'download.json',
    'model.safetensors.part',
  ]);
  hub.trouble = () => false;
  await assertWhole(await get());
  const last = questions.at(-1);
  assert.ok(last?.kind === 'download');
  assert.equal(last.missing, weights.length - 1_500_000);
  assert.equal(hub.asked('files', 'GET').at(-1)?.range, 'bytes=1500000-');
});

/** Calls `told` before what has come of a file is read. */
function beforeReading(context: TestContext, told: () => void): void {
  const { open } = fs;
  const watched = context.mock.method(fs, 'open', (...args: Parameters<typeof open>) => {
    const [path, flags] = args;
    if (basename(String(path)) === 'data' && flags !== 'a' && flags !== 'w') told();
    return open(...args);
  });
  syncBuiltinESMExports();
  context.after(() => {
    watched.mock.restore();
    syncBuiltinESMExports();
  });
}

/** The first connection is cut. */
function cutOnce(hub: FakeHub, asked: () => void = () => undefined): void {
  let isCut = false;
  hub.trouble = (request, response, server) => {
    if (server !== 'files' || request.method !== 'GET') return false;
    asked();
    if (isCut) return false;
    isCut = true;
    cutAfter(hub, cut, request, response);
    return true;
  };
}

test('what has come is read before the server is asked for the rest: no connection waits for the disk', async (context) => {
  const { hub, get } = await setUp(context);
  const order: string[] = [];
  beforeReading(context, () => order.push('read'));
  cutOnce(hub, () => order.push('asked'));
  await assertWhole(await get());
  assert.deepEqual(order, ['asked', 'read', 'asked']);
});

test('a download that is stopped while it reads what has come asks the server for nothing more', async (context) => {
  const { hub, get } = await setUp(context);
  const stop = new AbortController();
  beforeReading(context, () => stop.abort());
  cutOnce(hub);
  await assert.rejects(get(model, { signal: stop.signal }), failsWith('cancelled'));
  assert.equal(hub.asked('files', 'GET').length, 1);
});

test('a server that wants to be left alone is left alone as long as it says, and not for ever', async (context) => {
  const { hub, waits, get } = await setUp(context);
  let refusals = 0;
  hub.trouble = (_, response) => {
    if (refusals === 2) return false;
    response.writeHead(refusals++ === 0 ? 429 : 503, { 'retry-after': '7' }).end();
    return true;
  };
  await assertWhole(await get());
  assert.deepEqual(waits, [7000, 7000]);

  const long = await setUp(context);
  long.hub.trouble = (_, response) => Boolean(response.writeHead(429, { 'retry-after': '3600' }).end());
  await assert.rejects(long.get(), failsWith('download-failed', /60 minutes/u));
  assert.deepEqual(long.waits, []);
});

test('attempts are bounded, and further and further apart', async (context) => {
  const { hub, waits, get } = await setUp(context);
  hub.trouble = (_, response) => Boolean(response.writeHead(503).end());
  await assert.rejects(get(), failsWith('download-failed', /503/u));
  assert.deepEqual(waits, [1000, 2000, 4000]);
});

test('refusals say whether a token is missing or does not fit, and a missing file is no network failure', async (context) => {
  const { hub, get } = await setUp(context);
  hub.token = 'right';
  await assert.rejects(get(), failsWith('download-refused', /HF_TOKEN/u));
  await assert.rejects(get(model, { token: 'wrong' }), failsWith('download-refused', /another token/u));
  hub.token = undefined;
  hub.files.delete(`${id}/model.safetensors`);
  await assert.rejects(get(), failsWith('download-missing', /model\.safetensors/u));
});

test('the token goes to the endpoint and to nobody else', async (context) => {
  const { hub, get } = await setUp(context);
  hub.token = 'secret';
  await assertWhole(await get(model, { token: 'secret' }));
  assert.ok(hub.seen.every(({ server, authorization }) => (server === 'hub') === (authorization === 'Bearer secret')));
  assert.equal(hub.asked('files', 'GET').length, 1);
});

test('a file with another hash is deleted, whoever said the hash', async (context) => {
  const { hub, store, get } = await setUp(context);
  const forged = randomBytes(weights.length);
  hub.trouble = (request, response, server) => {
    if (server !== 'files' || request.method !== 'GET') return false;
    return Boolean(response.writeHead(200, { 'content-length': forged.length }).end(forged));
  };
  await assert.rejects(get(), failsWith('download-mismatch', /announced/u));
  hub.namesHash = false;
  await assert.rejects(get(described), failsWith('download-mismatch', /known of it/u));
  assert.deepEqual((await readdir(folderOf(id, store))).toSorted(), ['config.json', 'download.json']);
});

test('a server that offers another size or hash than the registry knows is refused before the download', async (context) => {
  const { hub, get } = await setUp(context);
  hub.put(`${id}/model.safetensors`, randomBytes(weights.length));
  await assert.rejects(get(described), failsWith('download-mismatch', /SHA-256/u));
  hub.put(`${id}/model.safetensors`, randomBytes(10));
  await assert.rejects(get(described), failsWith('download-mismatch', /10 bytes/u));
  assert.equal(hub.asked('files', 'GET').length, 0);
});

test('a server cannot send more than it announced', async (context) => {
  const { hub, store, get } = await setUp(context);
  hub.trouble = (request, response, server) => {
    if (server !== 'files' || request.method !== 'GET') return false;
    response.writeHead(200, { etag: hub.etag });
    return Boolean(response.end(Buffer.concat([weights, weights])));
  };
  await assert.rejects(get(), failsWith('download-mismatch', /more than/u));
  assert.deepEqual((await readdir(folderOf(id, store))).toSorted(), ['config.json', 'download.json']);
});

test('without anyone’s hash the first download is trusted, and every later one must equal it', async (context) => {
  const { hub, store, get } = await setUp(context);
  hub.namesHash = false;
  const folder = (await get()) ?? '';
  const path = join(folder, 'model.safetensors');

  await writeFile(path, randomBytes(weights.length));
  await assert.rejects(storedModel(id, store), failsWith('download-mismatch', /not the file that was downloaded/u));

  await writeFile(path, weights);
  await utimes(path, 1, 1);
  assert.equal(await storedModel(id, store), folder);

  await rm(path);
  assert.equal(await storedModel(id, store), undefined);
  hub.put(`${id}/model.safetensors`, randomBytes(weights.length));
  await assert.rejects(get(), failsWith('download-mismatch', /the first time/u));
  hub.put(`${id}/model.safetensors`, weights);
  assert.equal(await get(), folder);
});

test('redirects lead neither away from https nor in circles', async (context) => {
  const { hub, get } = await setUp(context);
  const redirectTo = (location: string): void => {
    hub.trouble = (_, response) => Boolean(response.writeHead(302, { location }).end());
  };
  redirectTo('http://example.invalid/model');
  await assert.rejects(get(), failsWith('download-failed', /not https/u));
  redirectTo('file:///etc/passwd');
  await assert.rejects(get(), failsWith('download-failed', /not https/u));
  redirectTo(`${hub.endpoint}/again`);
  await assert.rejects(get(), failsWith('download-failed', /circles/u));
});

test('an endpoint is https, or on this machine', () => {
  for (const endpoint of ['http://example.com', 'ftp://example.com', 'https://me:secret@example.com', 'nonsense']) {
    assert.throws(() => new Connection({ endpoint }), failsWith('usage'));
  }
  assert.equal(new Connection({}).endpoint.href, 'https://huggingface.co/');
  assert.equal(new Connection({ endpoint: 'http://[::1]:8080' }).endpoint.host, '[::1]:8080');
});

test('what cannot fit on the disk is refused before the download', async (context) => {
  const { hub, get } = await setUp(context);
  hub.trouble = (request, response, server) => {
    if (server !== 'hub' || request.url?.endsWith('config.json') === true) return false;
    const location = `${hub.fileServer}/${id}/model.safetensors`;
    return Boolean(response.writeHead(302, { location, 'x-linked-size': '900000000000000' }).end());
  };
  await assert.rejects(get(), failsWith('download-space', /900000000000/u));
  assert.equal(hub.asked('files', 'GET').length, 0);
});

test('a part that a living process works on is left alone; one that was left behind is gone on with', async (context) => {
  const { hub, store, get } = await setUp(context);
  const folder = folderOf(id, store);
  const [machine] = owner.split('-');
  const partOf = async (pid: number): Promise<void> => {
    const place = join(folder, `model.safetensors.part-${machine}-${pid}-00000000`);
    await mkdir(place, { recursive: true });
    await writeFile(join(place, 'data'), weights.subarray(0, 120_000));
    const url = `${hub.endpoint}/${id}/resolve/${commit}/model.safetensors`;
    await writeFile(join(place, 'origin.json'), JSON.stringify({ url, etag: '"1"', size: weights.length }));
  };
  await partOf(process.pid);
  await assert.rejects(get(), failsWith('download-busy', new RegExp(String(process.pid), 'u')));

  await rm(join(folder, `model.safetensors.part-${machine}-${process.pid}-00000000`), { recursive: true });
  // No process has a number this large.
  await partOf(2 ** 30);
  await assertWhole(await get());
  assert.equal(hub.asked('files', 'GET').at(-1)?.range, 'bytes=120000-');
});

test('two downloads of one file at a time end in one whole file', async (context) => {
  const { store, get } = await setUp(context);
  const results = await Promise.allSettled([get(), get(), get()]);
  for (const result of results) {
    if (result.status === 'rejected') failsWith('download-busy')(result.reason);
  }
  assert.ok(results.some(({ status }) => status === 'fulfilled'));
  await assertWhole(folderOf(id, store));
});

test('an unlisted repository gives the weights that it has', async (context) => {
  const { hub, store, get } = await setUp(context);
  hub.files.delete(`${id}/model.safetensors`);
  hub.put(`${id}/pytorch_model.bin`, weights);
  const folder = (await get(findModel(id))) ?? '';
  assert.deepEqual((await readdir(folder)).toSorted(), ['config.json', 'download.json', 'pytorch_model.bin']);
  assert.equal(await storedModel(id, store), folder);
});

/** A model in two files of weights, and their index. */
function shard(hub: FakeHub, kind: 'safetensors' | 'bin', shards = [`w-1.${kind}`, `w-2.${kind}`]): string {
  const index = kind === 'bin' ? 'pytorch_model.bin.index.json' : 'model.safetensors.index.json';
  hub.files.delete(`${id}/model.safetensors`);
  const map = Object.fromEntries(shards.map((name, i) => [`tensor.${i}`, name]));
  hub.put(`${id}/${index}`, Buffer.from(JSON.stringify({ weight_map: map })), false);
  for (const name of shards) hub.put(`${id}/${name}`, weights.subarray(0, 1000 + name.length));
  return index;
}

for (const kind of ['safetensors', 'bin'] as const) {
  test(`weights in several files (${kind}) come with their index, and their size is agreed to before`, async (context) => {
    const { hub, store, questions, get } = await setUp(context);
    const index = shard(hub, kind);
    const folder = (await get(findModel(id))) ?? '';
    const names = ['config.json', 'download.json', index, `w-1.${kind}`, `w-2.${kind}`];
    assert.deepEqual((await readdir(folder)).toSorted(), names.toSorted());
    assert.equal(await storedModel(id, store), folder);
    const last = questions.at(-1);
    assert.ok(last?.kind === 'download');
    assert.ok(last.bytes > 2000 && last.bytes < 3000, 'the shards are counted');
  });
}

test('an index may name no other file of the model, and every file it names must be there', async (context) => {
  const { hub, store, get } = await setUp(context);
  for (const name of ['download.json', 'config.json', '../w.bin', '.w.bin', 'w']) {
    shard(hub, 'safetensors', [name]);
    await assert.rejects(get(findModel(id)), failsWith('download-mismatch', /model\.safetensors\.index\.json/u), name);
  }
  shard(hub, 'safetensors');
  hub.files.delete(`${id}/w-2.safetensors`);
  await assert.rejects(get(findModel(id)), failsWith('download-missing', /w-2\.safetensors/u));
  assert.deepEqual(await readdir(store), []);
});

test('a file of weights alone is named with its repository, as the error for a repository without a model says', async (context) => {
  const { hub, store, get } = await setUp(context);
  hub.files.clear();
  hub.put(`${id}/coco_weights.pt`, weights);
  await assert.rejects(get(findModel(id)), failsWith('download-missing', /config\.json .*someone\/model\/FILE/u));
  const file = `${id}/coco_weights.pt`;
  const folder = (await get(findModel(file))) ?? '';
  assert.deepEqual((await readdir(folder)).toSorted(), ['coco_weights.pt', 'download.json']);
  assert.equal(await storedModel(file, store), folder);
});

test('a name that the hub does not know may be misspelt or private: both are said', async (context) => {
  const { hub, get } = await setUp(context);
  hub.hides = true;
  await assert.rejects(get(), failsWith('download-refused', /Check the model’s name\..*HF_TOKEN/u));
  await assert.rejects(
    get(model, { token: 'wrong' }),
    failsWith('download-refused', /Check the model’s name\. The token/u),
  );
});

test('a mirror that names no length to a HEAD is asked for a byte, or a small file is counted', async (context) => {
  const { hub, questions, get } = await setUp(context);
  hub.namesLength = false;
  await assertWhole(await get());
  const last = questions.at(-1);
  assert.ok(last?.kind === 'download');
  assert.equal(last.bytes, config.length + weights.length);
  assert.equal(hub.asked('files', 'GET')[0]?.range, 'bytes=0-0');

  const without = await setUp(context);
  Object.assign(without.hub, { namesLength: false, ranges: false });
  await assert.rejects(without.get(), failsWith('download-failed', /how large model\.safetensors is/u));
  without.hub.put(`${id}/model.safetensors`, weights.subarray(0, 2 ** 20));
  assert.ok(await without.get());
});

test('a proxy is used when one is named', async (context) => {
  const { hub, get } = await setUp(context);
  const through: string[] = [];
  const proxy = createServer((_, response) => response.writeHead(405).end());
  proxy.on('connect', (request, socket) => {
    through.push(request.url ?? '');
    const target = new URL(`http://${request.url}`);
    const upstream = connect(Number(target.port), target.hostname, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(socket).pipe(upstream);
    });
    for (const end of [socket, upstream]) end.on('error', () => undefined);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  context.after(() => proxy.close());
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  const { port } = proxy.address() as AddressInfo;
  await assertWhole(await get(model, { proxy: `http://127.0.0.1:${port}` }));
  assert.deepEqual(new Set(through), new Set([new URL(hub.endpoint).host, new URL(hub.fileServer).host]));
});
