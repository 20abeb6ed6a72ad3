/** What `clipcap caption --json` writes of many images. */
import assert from 'node:assert/strict';
import { constants } from 'node:buffer';
import { test } from 'node:test';
import type { ImageEntry, ModelInfo } from '@clipcap/protocol/caption';
import { captionDocument } from '@clipcap/server/cli/captionDocument';

const model: ModelInfo = {
  id: 'a',
  encoder: 'b',
  mapper: 'c',
  prefixLength: 1,
  width: 2,
  dtype: 'fp32',
  provider: 'cpu',
};
const failed: ImageEntry = { path: 'a"b\n].png', error: { code: 'missing', message: 'two\u2028lines' } };
const captioned: ImageEntry = {
  path: 'b.png',
  sha256: '',
  width: 1,
  height: 1,
  captions: [{ text: 'A dog.', score: -0.5, tokens: [{ id: 1, text: ' dog', logProb: -0.5 }] }],
  prefix: [],
  timings: { decode: 0, preprocess: 0, encode: 0, map: 0, generate: 0, interpret: 0 },
};

for (const images of [[], [captioned], [failed, captioned, failed]]) {
  test(`the document of ${images.length} images is the one that JSON.stringify indents`, () => {
    const whole = `${JSON.stringify({ version: 1, model, images }, null, 2)}\n`;
    assert.equal(Array.from(captionDocument(model, images)).join(''), whole);
  });
}

test('a document that is longer than a string can be is written', () => {
  const message = 'a'.repeat(2 ** 22);
  const images = Array.from(
    { length: Math.ceil(constants.MAX_STRING_LENGTH / message.length) + 1 },
    (): ImageEntry => ({ path: 'a.png', error: { code: 'missing', message } }),
  );
  let length = 0;
  for (const piece of captionDocument(model, images)) length += piece.length;
  assert.ok(length > constants.MAX_STRING_LENGTH, `${length} characters`);
});
