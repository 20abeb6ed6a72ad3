/** What a webview may have its host do: nothing that is not checked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPanelMessage, readPanelState } from '@clipcap/protocol/panelMessages';

const photo = 'file:///photos/a%20cat.jpg';
const request = (method: string, params: unknown): unknown => ({ type: 'request', id: 7, method, params });

/** Messages that come out as they went in. */
const proper: readonly object[] = [
  { type: 'ready' },
  { type: 'ready', uri: photo },
  { type: 'copy', text: 'a cat' },
  { type: 'retry' },
  { type: 'mode', mode: 'kept' },
  { type: 'cancel', id: 3 },
  { type: 'request', id: 7, method: 'lens', params: { view: 'table', params: { nearest: 5 }, reference: [photo] } },
  { type: 'request', id: 7, method: 'lens', params: { view: 'compare', params: { others: [photo] } } },
  {
    type: 'request',
    id: 7,
    method: 'lens',
    params: {
      view: 'counterfactuals',
      params: {
        interventions: [
          { kind: 'swap', position: 0, other: photo },
          { kind: 'drop', position: 1 },
        ],
      },
    },
  },
  { type: 'request', id: 7, method: 'report', params: { views: { map: { nearest: 2 } }, reference: [photo] } },
  { type: 'request', id: 7, method: 'pick', params: { title: 'Images', from: 'folder' } },
  { type: 'request', id: 9, method: 'pickPack', params: { title: 'Pack' } },
  { type: 'request', id: 7, method: 'thumbnail', params: { uri: photo } },
  { type: 'request', id: 7, method: 'save', params: { name: 'table', format: 'svg', content: '<svg/>' } },
];

for (const message of proper) {
  test(`${JSON.stringify(message).slice(0, 110)} is taken as it is`, () => {
    assert.deepEqual(readPanelMessage(message), message);
  });
}

test('what a message should not hold does not come through', () => {
  assert.deepEqual(readPanelMessage({ type: 'retry', extra: 1 }), { type: 'retry' });
  const lens = { view: 'table', params: {}, uri: 'file:///etc/passwd', model: 'other' };
  assert.deepEqual(readPanelMessage(request('lens', lens)), request('lens', { view: 'table', params: {} }));
});

for (const message of [
  undefined,
  null,
  'ready',
  [],
  {},
  { type: 'run', command: 'rm' },
  { type: 'copy', text: 5 },
  { type: 'copy', text: 'x'.repeat(5_000_001) },
  { type: 'mode', mode: 'all' },
  { type: 'cancel', id: '3' },
  { type: 'cancel', id: 0.5 },
  { type: 'request', id: 'first', method: 'pick', params: {} },
]) {
  test(`${JSON.stringify(message)?.slice(0, 80) ?? 'undefined'} is no message`, () => {
    assert.equal(readPanelMessage(message), undefined);
  });
}

const script = 'file:///photos/run.sh';
for (const [method, params] of [
  ['delete', {}],
  ['lens', undefined],
  ['lens', { view: 'secrets', params: {} }],
  ['lens', { view: '__proto__', params: {} }],
  ['lens', { view: 'table', params: [] }],
  ['lens', { view: 'table', params: {}, reference: [script] }],
  ['lens', { view: 'table', params: {}, reference: photo }],
  ['lens', { view: 'compare', params: { others: [photo, 'https://example.org/cat.jpg'] } }],
  ['lens', { view: 'compare', params: { others: [null] } }],
  ['lens', { view: 'counterfactuals', params: { interventions: [{ kind: 'swap', position: 0, other: script }] } }],
  ['lens', { view: 'table', params: { padding: 'x'.repeat(200_000) } }],
  ['report', { views: { table: {}, secrets: {} } }],
  ['report', { views: { compare: { others: [script] } } }],
  ['report', {}],
  ['pick', { title: 'Images' }],
  ['pickPack', {}],
  ['pick', { title: 'Images', from: 'network' }],
  ['pick', { title: 'x'.repeat(201), from: 'files' }],
  ['save', { name: '../../.bashrc', format: 'svg', content: '' }],
  ['save', { name: 'table', format: 'sh', content: '' }],
  ['save', { name: 'table', format: 'png', content: 5 }],
] as const) {
  test(`a request for ${method} with ${JSON.stringify(params)?.slice(0, 90) ?? 'nothing'} is refused with an answer`, () => {
    const { type, id } = Object.assign({ type: '', id: 0 }, readPanelMessage(request(method, params)));
    assert.deepEqual([type, id], ['refused', 7]);
  });
}

test('a kept state is restored only if it names an image file', () => {
  assert.equal(readPanelState({ uri: photo, name: 'x', tab: 'Map' }), photo);
  for (const uri of [script, 'https://example.org/a.jpg', 'a.jpg', 5, undefined]) {
    assert.equal(readPanelState({ uri }), undefined);
  }
  assert.equal(readPanelState('file:///a.jpg'), undefined);
});
