import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { parseManifest, type EncoderManifest, type PackManifest } from '@clipcap/models/pack/manifest';
import { openPack } from '@clipcap/models/pack/openPack';
import { editJson } from '../json.js';
import { describeFiles, smallImages as image, writeRandomPack, type RandomPackOptions } from '../randomPack.js';
import { temporaryFolder } from '../temporaryFolder.js';

const shared = { normalize: false, image };
const clipVit = {
  kind: 'clip-vit',
  ...shared,
  embeddingWidth: 12,
  width: 32,
  layers: 1,
  heads: 2,
  patchSize: 16,
  activation: 'quick-gelu',
} satisfies EncoderManifest;
const dinov2 = {
  kind: 'dinov2',
  ...shared,
  embeddingWidth: 24,
  width: 24,
  layers: 1,
  heads: 2,
  patchSize: 16,
  hiddenWidth: 40,
  epsilon: 1e-6,
  positionGrid: 3,
  feedForward: 'mlp',
} satisfies EncoderManifest;
const clipResnet = {
  kind: 'clip-resnet',
  ...shared,
  embeddingWidth: 12,
  width: 4,
  layers: [1, 1, 1, 1],
  heads: 2,
} satisfies EncoderManifest;

async function written(t: TestContext, options: RandomPackOptions): ReturnType<typeof writeRandomPack> {
  return writeRandomPack(await temporaryFolder(t), options);
}

test('a pack whose encoder is built from its weights opens without an encoder file', async (t) => {
  const { folder, manifest } = await written(t, { encoder: clipVit });
  const pack = await openPack(folder);
  assert.equal(pack.encoder, undefined);
  assert.deepEqual(pack.manifest, manifest);
  assert.deepEqual(pack.weights.tensors.get('encoder.positional_embedding')?.shape, [5, 32]);
});

test('a language model of which nothing is said has a tied head, an encoder of CLIP QuickGELU', async (t) => {
  const { folder, manifest } = await written(t, { encoder: clipVit });
  const path = join(folder, 'pack.json');
  await editJson(path, ['languageModel', 'tiedHead'], undefined);
  await editJson(path, ['encoder', 'activation'], undefined);
  assert.deepEqual(parseManifest(JSON.parse(await readFile(path, 'utf8')), path), manifest);
});

function refused(manifest: PackManifest, changed: object, message: RegExp): void {
  assert.throws(() => parseManifest({ ...manifest, ...changed }, 'pack.json'), message);
}

test('sizes that do not fit each other are refused naming the field', async (t) => {
  const { manifest } = await written(t, {});
  const mapper = { kind: 'transformer', prefixLength: 3, clipLength: 3, layers: 1, heads: 3 };
  refused(manifest, { encoder: { ...clipVit, heads: 3 } }, /encoder\.heads: must divide the width/);
  refused(manifest, { encoder: { ...clipVit, patchSize: 7 } }, /encoder\.image\.size: must be a multiple/);
  refused(manifest, { encoder: { ...clipResnet, heads: 3 } }, /encoder\.heads: must divide the width/);
  refused(
    manifest,
    { encoder: { ...clipResnet, image: { ...image, size: 48 } } },
    /encoder\.image\.size: must be a mult/,
  );
  refused(manifest, { encoder: { ...dinov2, embeddingWidth: 12 } }, /encoder\.embeddingWidth: must be the width/);
  refused(manifest, { encoder: { ...clipVit, kind: 'efficientnet' } }, /encoder\.kind: /);
  refused(manifest, { mapper }, /mapper\.heads: must divide the language model’s width/);
  refused(manifest, { mapper: { kind: 'perceiver', prefixLength: 3 } }, /mapper\.kind: /);
  refused(manifest, { dtype: 'q3' }, /dtype: /);
});

/** Describes the pack's files as they are, under a manifest that asks for something else. */
async function refusedPack(folder: string, manifest: PackManifest, message: RegExp): Promise<void> {
  await describeFiles(folder, manifest);
  await assert.rejects(openPack(folder), (error: Error & { code: string }) => {
    assert.equal(error.code, 'pack-tensor-mismatch', error.message);
    assert.match(error.message, message);
    return true;
  });
}

test('a pack whose untied head is missing is refused naming it', async (t) => {
  const { folder, manifest } = await written(t, {});
  const languageModel = { ...manifest.languageModel, tiedHead: false };
  await refusedPack(folder, { ...manifest, languageModel }, /"gpt\.lm_head\.weight" is missing/);
});

test('weights of another encoder are refused naming tensor and both shapes', async (t) => {
  const { folder, manifest } = await written(t, { encoder: dinov2 });
  const encoder = { ...dinov2, positionGrid: 2 };
  await refusedPack(
    folder,
    { ...manifest, encoder },
    /position_embeddings" has the shape \[1, 10, 24\].* asks for \[1, 5, 24\]/,
  );
  await refusedPack(folder, { ...manifest, encoder: clipResnet }, /"encoder\.conv1\.weight" is missing/);
});

for (const [dtype, bytes] of [
  ['q8', 32],
  ['q4', 16],
] as const) {
  test(`${dtype} stores matrices in blocks with their outputs as rows, and refuses those of another width`, async (t) => {
    const { folder, manifest } = await written(t, { dtype, width: 40, hiddenWidth: 10 });
    const { tensors } = (await openPack(folder)).weights;
    assert.deepEqual(tensors.get('gpt.transformer.wte.weight')?.shape, [300, 2, bytes]);
    assert.deepEqual(tensors.get('gpt.transformer.h.0.attn.c_attn.weight')?.shape, [120, 2, bytes]);
    assert.deepEqual(tensors.get('gpt.transformer.h.0.attn.c_attn.weight.scale')?.shape, [120, 2]);
    assert.equal(tensors.get('gpt.transformer.wpe.weight')?.dtype, 'F16');
    assert.equal(tensors.get('gpt.transformer.ln_f.weight')?.dtype, 'F32');
    const languageModel = { ...manifest.languageModel, vocabulary: 301 };
    await refusedPack(
      folder,
      { ...manifest, languageModel },
      /"gpt\.transformer\.wte\.weight" has the shape \[300, 2, /,
    );
  });
}

test('blocks without scales, and bytes where a vector belongs, are refused', async (t) => {
  const { folder, manifest } = await written(t, { dtype: 'q8' });
  const path = join(folder, 'weights.safetensors');
  const stored = await readFile(path, 'latin1');
  const rename = (from: string, to: string): Promise<void> => writeFile(path, stored.replace(from, to), 'latin1');
  await rename('"gpt.transformer.wte.weight.scale"', '"gpt.transformer.wte.weight.SCALE"');
  await refusedPack(folder, manifest, /"gpt\.transformer\.wte\.weight\.scale" is missing/);
  await rename(
    '"gpt.transformer.ln_f.weight":{"dtype":"F32","shape":[16]',
    '"gpt.transformer.ln_f.weight":{"dtype":"U8","shape":[64] ',
  );
  await refusedPack(folder, manifest, /has the shape \[64\] \(U8\)/);
});
