/** Ready ONNX encoders, whatever their inputs and outputs are called, imported and captioned with. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openPack } from '@clipcap/models/pack/openPack';
import { meanColourEncoder } from '../meanColourEncoder.js';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { captionedWith, clipcap, failure } from './clipcap.js';

const checkpoint = fixture('import/mlp.pt');
const picture = fixture('import/picture.png');
/** That of the checkpoint's mapper. */
const width = 32;

async function importEncoder(context: TestContext, bytes: Uint8Array, args: readonly string[] = []) {
  const folder = await temporaryFolder(context);
  const path = join(folder, 'eye.onnx');
  await writeFile(path, bytes);
  const out = join(folder, 'pack');
  return {
    path,
    out,
    result: await clipcap(['import', checkpoint, '--encoder', path, '--out', out, '--json', ...args]),
  };
}

test('an only output of another name is taken for the embedding, and captions come of it', async (context) => {
  const usual = await importEncoder(context, meanColourEncoder('pixel_values', { image_embeds: width }));
  const other = await importEncoder(context, meanColourEncoder('input', { pooled: width }));
  const [expected, actual] = await Promise.all(
    [usual, other].map(async ({ out, result }) => {
      assert.equal(result.code, 0, result.stderr);
      return (await captionedWith(out, picture)).prefix;
    }),
  );
  assert.deepEqual(actual, expected);
  const { manifest } = await openPack(other.out);
  assert.ok(manifest.encoder.kind === 'onnx');
  assert.deepEqual([manifest.encoder.input, manifest.encoder.output], ['input', 'pooled']);
});

test('the pack does not need the file that its encoder was in', async (context) => {
  const bytes = meanColourEncoder('pixel_values', { image_embeds: width });
  const { path, out, result } = await importEncoder(context, bytes);
  assert.equal(result.code, 0, result.stderr);
  const before = await captionedWith(out, picture);
  await rm(path);
  assert.deepEqual(await captionedWith(out, picture), before);
});

test('of several outputs, --encoder-output names the embedding', async (context) => {
  const bytes = meanColourEncoder('pixel_values', { scores: 7, pooled: width });
  const { out, result } = await importEncoder(context, bytes, ['--encoder-output', 'pooled']);
  assert.equal(result.code, 0, result.stderr);
  const { manifest } = await openPack(out);
  assert.equal(manifest.encoder.embeddingWidth, width);
});

test('of several outputs without the usual name, all are named and none is taken', async (context) => {
  const { result } = await importEncoder(context, meanColourEncoder('pixel_values', { scores: 7, pooled: width }));
  assert.equal(result.code, 3);
  const { code, message, question } = failure(result.stdout);
  assert.equal(code, 'checkpoint-mismatch');
  assert.deepEqual(question, {
    flag: '--encoder-output',
    outputs: [
      { name: 'scores', width: 7 },
      { name: 'pooled', width },
    ],
  });
  assert.match(message, /--encoder-output, one of scores \(7 values\), pooled \(32 values\)/u);
});

test('an output that is not there is refused with the names of those that are', async (context) => {
  const bytes = meanColourEncoder('pixel_values', { image_embeds: width });
  const { result } = await importEncoder(context, bytes, ['--encoder-output', 'pooled']);
  const { code, message } = failure(result.stdout);
  assert.equal(code, 'checkpoint-mismatch');
  assert.match(message, /has no output pooled.*image_embeds/u);
});
