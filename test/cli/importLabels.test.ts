/** Labels of CLIP's text side, imported from both layouts in which CLIP comes, against PyTorch's answers. */
import assert from 'node:assert/strict';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { labelsOf } from '@clipcap/models/pack/encoderManifest';
import { openPack } from '@clipcap/models/pack/openPack';
import { labelEmbeds } from '@clipcap/models/pack/tensors';
import type { ImportDocument } from '@clipcap/protocol/import';
import type { EncoderData } from '@clipcap/protocol/lens';
import { editJson, readJson } from '../json.js';
import { readTensors } from '../readTensors.js';
import { fixture, root } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { withValue } from '../withValue.js';
import { clipcap, failure, runModule, type Finished } from './clipcap.js';

interface Expected {
  readonly scale: number;
  readonly cosines: readonly number[];
  readonly embeds: readonly (readonly number[])[];
}

const files = (name: string): string => fixture(`clipText/${name}`);
const checkpoint = fixture('import/mlp.pt');
const picture = fixture('import/picture.png');
const expected = await readJson<Record<'hf' | 'ViT.pt', Expected> & { readonly labels: string[] }>(
  files('labels.json'),
);

async function imported(t: TestContext, encoder: string, args: readonly string[]): Promise<[string, Finished]> {
  const out = join(await temporaryFolder(t), 'pack');
  return [out, await clipcap(['import', checkpoint, '--encoder', encoder, '--out', out, '--json', ...args])];
}

function labelsFinding({ code, stdout, stderr }: Finished): string | undefined {
  assert.equal(code, 0, stderr);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is wrong with it shows in what tests ask of it
  return (JSON.parse(stdout) as ImportDocument).findings.find(({ what }) => what === 'labels')?.value;
}

function near(actual: ArrayLike<number>, wanted: readonly number[], tolerance: number, what: string): void {
  assert.equal(actual.length, wanted.length, what);
  const worst = Math.max(...wanted.map((value, i) => Math.abs(value - actual[i]!)));
  assert.ok(worst <= tolerance, `${what}: differ by ${worst}`);
}

for (const encoder of ['hf', 'ViT.pt'] as const) {
  test(`${encoder}: label embeddings, cosines and probabilities are PyTorch’s, and the text side is not kept`, async (t) => {
    const { scale, cosines, embeds } = expected[encoder];
    const [out, result] = await imported(t, files(encoder), ['--labels', files('labels.txt')]);
    assert.match(labelsFinding(result)!, /^14 \(labels\.txt\), each as “a photo of a \{\}\.”$/u);
    const { manifest, weights } = await openPack(out);
    const labels = labelsOf(manifest.encoder)!;
    assert.deepEqual(labels.names, expected.labels);
    near([labels.scale], [scale], 1e-4 * scale, 'scale');
    const stored = (await readTensors(join(out, labels.file))).get(labelEmbeds)!;
    const largest = Math.max(...embeds.flat().map(Math.abs));
    near(stored.values, embeds.flat(), 1e-4 * largest, 'label embeddings');
    assert.ok(![...weights.tensors.keys()].some((name) => /text|token_embedding/u.test(name)));
    assert.deepEqual((await readdir(out)).toSorted(), ['pack.json', ...Object.keys(manifest.files)].toSorted());

    const { stdout } = await clipcap(['inspect', picture, '--model', out, '--view', 'encoder', '--json']);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is wrong with it shows below
    const { views } = JSON.parse(stdout) as { views: { encoder: EncoderData } };
    const exps = cosines.map((cosine) => Math.exp(scale * cosine));
    const total = exps.reduce((a, b) => a + b, 0);
    const wanted = [...cosines.keys()].toSorted((a, b) => cosines[b]! - cosines[a]!);
    const { of, among, prompt, labels: shown } = views.encoder;
    assert.deepEqual([of, among, prompt], ['texts', 14, 'a photo of a {}.']);
    assert.deepEqual(
      shown.map(({ label }) => label),
      wanted.map((index) => expected.labels[index]),
    );
    const probabilities = shown.map(({ probability }) => probability);
    near(shown.map(({ cosine }) => cosine!), wanted.map((index) => cosines[index]!), 1e-4, 'cosines'); // prettier-ignore
    near(probabilities, wanted.map((index) => exps[index]! / total), 1e-4, 'probabilities'); // prettier-ignore
  });
}

test('without --labels everyday words and ImageNet’s classes are taken', async (t) => {
  const [out, result] = await imported(t, files('hf'), ['--no-check']);
  assert.match(labelsFinding(result)!, /everyday words and ImageNet/u);
  const { names } = labelsOf((await openPack(out)).manifest.encoder)!;
  for (const name of ['person', 'birthday party', 'Egyptian cat', 'pizza', 'great white shark'])
    assert.ok(names.includes(name), name);
  assert.ok(names.length > 1250 && new Set(names).size === names.length, String(names.length));
});

test('the vocabulary and merges of older folders serve as well as a tokenizer.json', async (t) => {
  const folder = join(await temporaryFolder(t), 'older');
  await cp(files('hf'), folder, { recursive: true });
  const { model } = await readJson<{ model: { vocab: object; merges: (string | string[])[] } }>(
    join(folder, 'tokenizer.json'),
  );
  await rm(join(folder, 'tokenizer.json'));
  await writeFile(join(folder, 'vocab.json'), JSON.stringify(model.vocab));
  const lines = model.merges.map((pair) => (typeof pair === 'string' ? pair : pair.join(' ')));
  await writeFile(join(folder, 'merges.txt'), ['#version: 0.2', ...lines, ''].join('\n'));
  const [out, result] = await imported(t, folder, ['--no-check', '--labels', files('labels.txt')]);
  labelsFinding(result);
  const stored = (await readTensors(join(out, 'labels.safetensors'))).get(labelEmbeds)!;
  near(stored.values, expected.hf.embeds.flat(), 1e-4, 'label embeddings');
});

/** A whole pack, in which no trace of labels is. */
async function hasNoLabels(out: string): Promise<void> {
  const { manifest } = await openPack(out);
  assert.equal(labelsOf(manifest.encoder), undefined);
  assert.deepEqual((await readdir(out)).toSorted(), ['pack.json', ...Object.keys(manifest.files)].toSorted());
}

/** Folders whose text side cannot be used, although their image side can. */
const unfit: readonly (readonly [string, (folder: string) => Promise<void>, RegExp])[] = [
  [
    'no tokenizer for its vocabulary',
    (folder) => rm(join(folder, 'tokenizer.json')),
    /text side of 600 tokens, which is not CLIP’s vocabulary, and no tokenizer.*vocab\.json and merges\.txt/u,
  ],
  [
    'a tokenizer of another kind',
    (folder) => cp(fixture('import/tokenizer.json'), join(folder, 'tokenizer.json')),
    /tokenizer\.json.*not a tokenizer of CLIP’s kind/u,
  ],
  [
    'another end of texts',
    (folder) => editJson(join(folder, 'config.json'), ['text_config', 'eos_token_id'], 7),
    /ends texts with 599, the text side expects 7/u,
  ],
  [
    'heads that do not divide its width',
    (folder) => editJson(join(folder, 'config.json'), ['text_config', 'num_attention_heads'], 5),
    /width of 32 5 heads do not divide/u,
  ],
  [
    'an image side that gives another width',
    async (folder) => {
      const path = join(folder, 'model.safetensors');
      const bytes = await readFile(path, 'latin1');
      const named = /"text_projection\.weight":\{"dtype":"F32","shape":\[32,32\]/u;
      assert.match(bytes, named);
      const narrow = bytes.replace(named, '"text_projection.weight":{"dtype":"F32","shape":[16,64]');
      await writeFile(path, narrow, 'latin1');
    },
    /text side that gives 16 values, its image side gives 32/u,
  ],
  [
    'a tensor that is missing',
    async (folder) => {
      const path = join(folder, 'model.safetensors');
      const bytes = await readFile(path, 'latin1');
      await writeFile(path, bytes.replace('text_model.final_layer_norm.bias', 'text_model.final_layer_norm.BIAS'), 'latin1'); // prettier-ignore
    },
    /text_model\.final_layer_norm\.bias is missing/u,
  ],
  [
    'a weight that is no number, which is seen while it is written',
    async (folder) => {
      const path = join(folder, 'model.safetensors');
      await withValue(path, 'text_model.final_layer_norm.bias', NaN, path);
    },
    /clip is not a sound checkpoint: its tensor "ln_final\.bias" holds NaN/u,
  ],
];

for (const [what, edit, message] of unfit) {
  test(`${what}: the pack is imported without labels and says why; asked for, they are an error and nothing is left`, async (t) => {
    const folder = join(await temporaryFolder(t), 'clip');
    await cp(files('hf'), folder, { recursive: true });
    await edit(folder);
    const [out, result] = await imported(t, folder, ['--no-check']);
    const finding = labelsFinding(result)!;
    assert.match(finding, /^none, because /u);
    assert.match(finding, message);
    await hasNoLabels(out);
    const [refusedOut, refused] = await imported(t, folder, ['--labels', files('labels.txt')]);
    assert.equal(refused.code, 3);
    const asked = failure(refused.stdout).message;
    assert.match(asked, message);
    assert.match(asked, /Or import without labels: --no-labels\.$/u);
    assert.deepEqual(await readdir(join(refusedOut, '..')), []);
  });
}

/** The command line with an inference process that ends as it starts. */
function withBrokenProcess(args: readonly string[]): Promise<Finished> {
  const module = `
    import { importModel } from '@clipcap/server/cli/import';
    import { parseCommandLine } from '@clipcap/server/cli/commandLine';
    const [inference, builtin, ...args] = process.argv.slice(1);
    process.exitCode = await importModel(parseCommandLine(args).command, { inference, builtin });`;
  const places = [fixture('processes/broken.mjs'), join(root, 'models', 'builtin')];
  return runModule(module, [...places, 'import', checkpoint, '--encoder', files('hf'), ...args]);
}

test('a text side whose process ends only costs the labels; asked for, they are an error and nothing is left', async (t) => {
  const folder = await temporaryFolder(t);
  const out = join(folder, 'pack');
  const args = ['--out', out, '--json', '--no-check'];
  const ended = String.raw`ended while it ran the encoder’s text side \(exit code 7: .*\)\. Close other programs\.`;
  const refused = await withBrokenProcess([...args, '--labels', files('labels.txt')]);
  const { code, message } = failure(refused.stdout);
  assert.deepEqual([refused.code, code], [3, 'inference-crashed']);
  assert.match(message, new RegExp(`${ended} Or import without labels: --no-labels\\.$`, 'u'));
  assert.deepEqual(await readdir(folder), []);
  const finding = labelsFinding(await withBrokenProcess(args))!;
  assert.match(finding, new RegExp(`^none, because .*${ended}$`, 'u'));
  await hasNoLabels(out);
});

const broken: readonly (readonly [string, string | Uint8Array, RegExp])[] = [
  ['too large', 'a label\n'.repeat(20_000), /has 160000 bytes, a list of labels at most 131072/u],
  ['empty', ' \n\n', /holds no labels/u],
  ['of one label', 'cat\ncat\n', /holds one label/u],
  ['not UTF-8', Uint8Array.of(0x63, 0xff, 0x0a, 0x64), /is not UTF-8/u],
  ['of too many labels', Array.from({ length: 5001 }, (_, i) => `l${i}`).join('\n'), /holds 5001 labels/u],
  ['with a line that is no label', `cat\ndog\n${'x'.repeat(201)}\n`, /has in line 3 what is no label/u],
];

for (const [what, content, message] of broken) {
  test(`a list of labels that is ${what} is refused, and nothing is left`, async (t) => {
    const list = join(await temporaryFolder(t), 'words.txt');
    await writeFile(list, content);
    const [out, { code, stdout }] = await imported(t, files('hf'), ['--labels', list]);
    assert.equal(code, 2);
    const error = failure(stdout);
    assert.equal(error.code, 'usage');
    assert.match(error.message, message);
    assert.match(error.message, /words\.txt/u);
    assert.deepEqual(await readdir(join(out, '..')), []);
  });
}

test('labels for an encoder without a text side, and a list that is not there, are refused', async (t) => {
  const labels = ['--labels', files('labels.txt')];
  const [, plain] = await imported(t, fixture('import/dinov2-hf'), labels);
  assert.match(failure(plain.stdout).message, /is no CLIP, and only CLIP has a side for texts/u);
  const [, imageOnly] = await imported(t, fixture('import/clip-hf'), labels);
  assert.match(failure(imageOnly.stdout).message, /has no text side.*CLIPModel/u);
  const [, missing] = await imported(t, files('hf'), ['--labels', 'nowhere.txt']);
  assert.match(failure(missing.stdout).message, /nowhere\.txt cannot be found/u);
});

test('--no-labels leaves them out, and the view says how to get them', async (t) => {
  const [out, result] = await imported(t, files('hf'), ['--no-check', '--no-labels']);
  assert.equal(labelsFinding(result), 'none');
  const { stdout, code } = await clipcap(['inspect', picture, '--model', out, '--view', 'encoder', '--json']);
  assert.notEqual(code, 0);
  assert.match(stdout, /no labels that CLIP ViT.*Import it again/u);
});
