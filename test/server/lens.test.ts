/** The Prefix Lens's requests, as any client sends them. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { CancellationTokenSource } from 'vscode-languageserver/node';
import { CaptionError, fromResponseError } from '@clipcap/protocol/error';
import {
  lensReportRequest,
  lensRequest,
  lensViews,
  type LensParams,
  thumbnailRequest,
  type ReportDocument,
} from '@clipcap/protocol/lens';
import { builtinPack, closedGate, startSession, type Session, type SessionOptions } from './harness.js';

let folder: string;
const uriOf = (name: string): string => pathToFileURL(join(folder, name)).href;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clipcap-lens-'));
  for (const name of ['a.jpg', 'b.jpg', 'c.jpg']) await writeFile(join(folder, name), `bytes of ${name}`);
});

after(() => rm(folder, { recursive: true }));

async function session(t: TestContext, options: SessionOptions = {}): Promise<Session> {
  const started = await startSession({ folders: [folder], ...options });
  t.after(() => started.end());
  return started;
}

function documentIn(html: string): ReportDocument {
  const json = /<script type="application\/json" id="lens-data">(.*?)<\/script>/u.exec(html)?.[1] ?? '';
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a report's own document
  return JSON.parse(json) as ReportDocument;
}

async function failureOf({ client }: Session, params: LensParams): Promise<CaptionError> {
  const failure = await client.sendRequest(lensRequest, params).catch(fromResponseError);
  assert.ok(failure instanceof CaptionError);
  return failure;
}

test('a view is computed with the image’s bytes and the settings, and answered with its model', async (t) => {
  const { client, inference } = await session(t, { settings: { decoding: { strategy: 'beam', beams: 3 } } });
  const result = await client.sendRequest(lensRequest, { uri: uriOf('a.jpg'), view: 'encoder', params: {} });
  assert.equal(result.model.id, 'fake-model');
  const labels = [{ label: join(folder, 'a.jpg'), probability: 1 }];
  assert.deepEqual(result.data, { of: 'classes', among: 1, labels });
  const [asked] = inference.lensAsked;
  assert.equal(asked?.model, builtinPack);
  assert.equal(Buffer.from(asked.image.bytes).toString(), 'bytes of a.jpg');
  assert.deepEqual(asked.options, { strategy: 'beam', beams: 3 });
  assert.deepEqual(asked.others, []);
  assert.equal(asked.reference, undefined);
});

test('images beside the first are encoded again when the process has ended: the next may find another pack', async (t) => {
  const { client, inference } = await session(t);
  const compare = { uri: uriOf('a.jpg'), view: 'compare', params: { others: [uriOf('b.jpg')] } } as const;
  await client.sendRequest(lensRequest, compare);
  inference.enter({ state: 'idle' });
  await client.sendRequest(lensRequest, compare);
  assert.equal(inference.encoded.length, 2);
});

test('images beside the first are encoded once, however often they are named', async (t) => {
  const { client, inference } = await session(t);
  const [b, c] = [uriOf('b.jpg'), uriOf('c.jpg')];
  const compare = { uri: uriOf('a.jpg'), view: 'compare', params: { others: [b, c, b] } } as const;
  await client.sendRequest(lensRequest, compare);
  await client.sendRequest(lensRequest, compare);
  await client.sendRequest(lensRequest, {
    uri: uriOf('a.jpg'),
    view: 'counterfactuals',
    params: { interventions: [{ kind: 'swap', position: 0, other: c }] },
  });
  assert.equal(inference.encoded.length, 2);
  const seen = inference.lensAsked.map(({ others }) => others.map(({ uri, prefix }) => [uri, ...prefix]));
  const both = [
    [b, 1],
    [c, 2],
  ];
  assert.deepEqual(seen, [both, both, [[c, 2]]]);
});

test('a reference’s images become their mean prefix', async (t) => {
  const { client, inference } = await session(t);
  const reference = [uriOf('b.jpg'), uriOf('c.jpg')];
  await client.sendRequest(lensRequest, { uri: uriOf('a.jpg'), view: 'table', params: {}, reference });
  const { mean, images } = inference.lensAsked[0]!.reference!;
  assert.deepEqual([[...mean], images], [[1.5], 2]);
});

test('an image that is gone and a URI that is no file are refused with their codes, also beside the first', async (t) => {
  const started = await session(t);
  for (const [uri, code] of [
    [`${uriOf('a.jpg')}.gone.jpg`, 'missing'],
    ['https://example.org/a.jpg', 'not-a-file'],
  ] as const) {
    assert.equal((await failureOf(started, { uri, view: 'table', params: {} })).code, code);
    const beside: LensParams = { uri: uriOf('a.jpg'), view: 'compare', params: { others: [uri] } };
    assert.equal((await failureOf(started, beside)).code, code);
  }
});

test('5,000 images are refused with the limit, before any of them is read', async (t) => {
  const started = await session(t);
  const others = Array.from({ length: 5000 }, (_, i) => uriOf(`none-${i}.jpg`));
  const tooMany = await failureOf(started, { uri: uriOf('a.jpg'), view: 'compare', params: { others } });
  assert.equal(tooMany.code, 'usage');
  assert.match(tooMany.message, /5000 images are more than the 200/u);
  const reference = await failureOf(started, { uri: uriOf('a.jpg'), view: 'table', params: {}, reference: others });
  assert.equal(reference.code, 'usage');
  assert.deepEqual(started.inference.lensAsked, []);
});

test('a view that is none is refused, and parameters may be left out', async (t) => {
  const started = await session(t);
  const unknown = await started.client
    .sendRequest('clipcap/lens', { uri: uriOf('a.jpg'), view: 'everything' })
    .catch(fromResponseError);
  assert.ok(unknown instanceof CaptionError);
  assert.equal(unknown.code, 'usage');
  assert.match(unknown.message, /"everything"/u);
  await started.client.sendRequest('clipcap/lens', { uri: uriOf('a.jpg'), view: 'table' });
  assert.deepEqual(started.inference.lensAsked[0]?.params, {});
});

test('what the inference process cannot show keeps its code and message', async (t) => {
  const started = await session(t);
  started.inference.failure = new CaptionError('lens-unavailable', 'The mapper has no attention.');
  const failure = await failureOf(started, { uri: uriOf('a.jpg'), view: 'attention', params: {} });
  assert.deepEqual([failure.code, failure.message], ['lens-unavailable', 'The mapper has no attention.']);
});

test('a report holds every view that was asked for, its options, and what a pack cannot show', async (t) => {
  const { client, inference } = await session(t);
  showOnlyEncoder(inference);
  const views = { tokens: { alternatives: 3 } };
  const reference = [uriOf('b.jpg')];
  const { html } = await client.sendRequest(lensReportRequest, { uri: uriOf('a.jpg'), views, reference });
  const document = documentIn(html);
  assert.equal(document.image.path, join(folder, 'a.jpg'));
  assert.deepEqual(Object.keys(document.views), ['encoder']);
  assert.deepEqual(
    Object.keys(document.unavailable ?? {}),
    lensViews.filter((view) => view !== 'encoder' && view !== 'compare'),
  );
  assert.deepEqual(inference.lensAsked.find(({ view }) => view === 'tokens')?.params, { alternatives: 3 });
  assert.equal(inference.lensAsked[0]?.reference?.images, 1);
});

test('what a view has encoded is not encoded again for a report', async (t) => {
  const { client, inference } = await session(t);
  const reference = [uriOf('b.jpg')];
  await client.sendRequest(lensRequest, { uri: uriOf('a.jpg'), view: 'table', params: {}, reference });
  showOnlyEncoder(inference);
  await client.sendRequest(lensReportRequest, { uri: uriOf('a.jpg'), views: {}, reference });
  // The image itself is asked for its size.
  assert.deepEqual(
    inference.encoded.map(({ image }) => image.name),
    ['b.jpg', 'a.jpg'].map((name) => join(folder, name)),
  );
});

test('an image that is gone costs a report the views that name it, and no other', async (t) => {
  const { client, inference } = await session(t);
  showOnlyEncoder(inference);
  const gone = uriOf('gone.jpg');
  const views = {
    compare: { others: [uriOf('b.jpg'), gone] },
    counterfactuals: { interventions: [{ kind: 'swap', position: 0, other: gone }] },
  } as const;
  const { html } = await client.sendRequest(lensReportRequest, { uri: uriOf('a.jpg'), views, reference: [gone] });
  const document = documentIn(html);
  assert.deepEqual(Object.keys(document.views), ['encoder']);
  const unavailable = document.unavailable ?? {};
  const missing = lensViews.filter((view) => unavailable[view]?.code === 'missing');
  assert.deepEqual(missing, ['table', 'counterfactuals', 'compare']);
  for (const view of missing) assert.match(unavailable[view]?.message ?? '', /gone\.jpg/u);
});

test('a report carries the photo and small pictures of the images that are compared', async (t) => {
  const { client, inference } = await session(t);
  const [a, b] = [uriOf('a.jpg'), uriOf('b.jpg')];
  inference.lens = ({ uri, view }) => {
    if (view !== 'compare') return Promise.reject(new CaptionError('lens-unavailable', `There is no ${view}.`));
    const caption = { text: 'a cat', score: -1, tokens: [] };
    const items = [uri, b, uriOf('gone.jpg')].map((one) => ({ label: one, uri: one, caption, nearest: [] }));
    const info = { id: 'm', encoder: '', mapper: '', prefixLength: 1, width: 1, dtype: '', provider: 'cpu' };
    return Promise.resolve({ model: info, view, data: { items, words: items.map(() => []) } });
  };
  const { html } = await client.sendRequest(lensReportRequest, { uri: a, views: { compare: { others: [b] } } });
  const { image, thumbnails } = documentIn(html);
  assert.equal(image.source, jpegSource('bytes of a.jpg'));
  assert.deepEqual(thumbnails, { [b]: jpegSource('bytes of b.jpg') });
});

test('a thumbnail is a small picture as a data URI, or what is wrong with the image', async (t) => {
  const { client } = await session(t);
  const { source } = await client.sendRequest(thumbnailRequest, { uri: uriOf('b.jpg') });
  assert.equal(source, `data:image/jpeg;base64,${Buffer.from('bytes of b.jpg').toString('base64')}`);
  const failure = await client.sendRequest(thumbnailRequest, { uri: uriOf('gone.jpg') }).catch(fromResponseError);
  assert.ok(failure instanceof CaptionError);
  assert.equal(failure.code, 'missing');
});

test('a report of an image that is gone fails as a view does', async (t) => {
  const { client } = await session(t);
  const failure = await client.sendRequest(lensReportRequest, { uri: uriOf('gone.jpg') }).catch(fromResponseError);
  assert.ok(failure instanceof CaptionError);
  assert.equal(failure.code, 'missing');
});

test('cancelling a view cancels its run', async (t) => {
  const { client, inference } = await session(t);
  inference.gate = closedGate().gate;
  const cancel = new CancellationTokenSource();
  const lens = inference.lens.bind(inference);
  inference.lens = (params, token) => {
    cancel.cancel();
    return lens(params, token);
  };
  const params = { uri: uriOf('a.jpg'), view: 'occlusion', params: {} } as const;
  const failure = await client.sendRequest(lensRequest, params, cancel.token).catch(fromResponseError);
  assert.ok(failure instanceof CaptionError);
  assert.equal(inference.tokens[0]?.isCancellationRequested, true);
});

test('two packs are compared by asking both, and their prefixes are not set beside each other', async (t) => {
  const { client, inference } = await session(t);
  const tokens = [{ id: 1, text: 'a', logProb: -1 }];
  inference.lens = ({ model, uri, view }) => {
    const caption = { text: model.endsWith('other') ? 'a cat' : 'a dog', score: -1, tokens };
    const items = [{ label: 'image', uri, caption, nearest: [] }];
    const data = { items, similarity: [[1]], words: [] };
    const info = { id: model, encoder: '', mapper: '', prefixLength: 1, width: 1, dtype: '', provider: 'cpu' };
    return Promise.resolve({ model: info, view, data });
  };
  const params = { model: join(folder, 'other') };
  const { data } = await client.sendRequest(lensRequest, { uri: uriOf('a.jpg'), view: 'compare', params });
  assert.ok('items' in data);
  assert.deepEqual(
    data.items.map(({ label, caption }) => [label, caption.text]),
    [
      [builtinPack, 'a dog'],
      [params.model, 'a cat'],
    ],
  );
  assert.equal(data.similarity, undefined);
  assert.deepEqual(
    data.words[1]?.map(({ kind, words }) => [kind, words]),
    [
      ['same', 'a'],
      ['removed', 'dog'],
      ['added', 'cat'],
    ],
  );
});

test('in Restricted Mode a comparison names no pack but the built-in one', async (t) => {
  const started = await session(t, { initializationOptions: { trusted: false } });
  const params = { model: join(folder, 'pack') };
  const failure = await failureOf(started, { uri: uriOf('a.jpg'), view: 'compare', params });
  assert.equal(failure.code, 'usage');
  assert.match(failure.message, /Trust the workspace/u);
});

function jpegSource(bytes: string): string {
  return `data:image/jpeg;base64,${Buffer.from(bytes).toString('base64')}`;
}

/** The inference process answers every view, but all others say that the pack cannot show them. */
function showOnlyEncoder(inference: Awaited<ReturnType<typeof session>>['inference']): void {
  const lens = inference.lens.bind(inference);
  inference.lens = async (params, token) => {
    const result = await lens(params, token);
    if (params.view === 'encoder') return result;
    throw new CaptionError('lens-unavailable', `There is no ${params.view}.`);
  };
}
