/** What an import decides and refuses before it writes anything. */
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readZip } from '@clipcap/models/checkpoints/zip';
import { planImport, type ImportPlan } from '@clipcap/models/import/planImport';
import { weightsFile } from '@clipcap/models/import/weightsFile';
import { weightTensors } from '@clipcap/models/pack/tensors';
import { CaptionError } from '@clipcap/protocol/error';
import { memoryFile } from '../fuzz/memoryFile.js';
import { storedZip } from '../fuzz/storedZip.js';
import { readJson } from '../json.js';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { withValue } from '../withValue.js';

const files = (name: string): string => fixture(`import/${name}`);

function plan(request: Partial<Parameters<typeof planImport>[0]>): Promise<ImportPlan> {
  const usual = { checkpoint: files('mlp.pt'), encoder: files('clip-hf'), id: 'pack', classNames: [] };
  return planImport({ dtype: 'fp32', ...usual, ...request });
}

function refused(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof CaptionError, String(error));
    assert.match(error.message, message);
    assert.equal(error.code, code, error.message);
    return true;
  };
}

/** A copy of an encoder's folder, one of its configurations changed. */
async function changed(t: TestContext, name: string, file: string, change: object): Promise<string> {
  const folder = join(await temporaryFolder(t), basename(name));
  await cp(files(name), folder, { recursive: true });
  const path = join(folder, file);
  await writeFile(path, JSON.stringify({ ...(await readJson(path)), ...change }));
  return folder;
}

/** A copy of a checkpoint with its tokenizer beside it, its records changed. */
async function rewritten(t: TestContext, path: string, change: (record: string, bytes: Buffer) => Buffer) {
  const folder = await temporaryFolder(t);
  const archive = await readFile(path);
  const records = [...(await readZip(memoryFile(archive)))].map(([name, { offset, length }]) => {
    const bytes = Buffer.from(archive.subarray(offset, offset + length));
    return [name, change(name, bytes)] as const;
  });
  const copy = join(folder, basename(path));
  await writeFile(copy, storedZip(records));
  await cp(files('tokenizer.json'), join(folder, 'tokenizer.json'));
  return copy;
}

/** In latin1. */
function replaced(bytes: Buffer, before: string, after: string): Buffer {
  const text = bytes.toString('latin1');
  assert.ok(text.includes(before), before);
  return Buffer.from(
    text.replace(before, () => after),
    'latin1',
  );
}

test('heads that do not divide an encoder’s width are refused with the file to correct', async (t) => {
  const encoder = await changed(t, 'clip-hf', 'config.json', { num_attention_heads: 7 });
  await assert.rejects(
    plan({ encoder }),
    refused(
      'checkpoint-mismatch',
      /clip-hf makes no model.*encoder\.heads is 7 and must divide the width\. Correct its config\.json/u,
    ),
  );
});

test('images that are no whole patches are refused with the file to correct', async (t) => {
  const size = { crop_size: { height: 30, width: 30 } };
  const encoder = await changed(t, 'dinov2-hf', 'preprocessor_config.json', size);
  const message =
    /dinov2-hf makes no model.*image\.size is 30 and must be a multiple of the patch.*preprocessor_config\.json/u;
  await assert.rejects(plan({ checkpoint: files('wrapped.pt'), encoder }), refused('checkpoint-mismatch', message));
});

test('what no pack may say of its encoder is refused with the encoder’s name', async (t) => {
  const encoder = await changed(t, 'vit-hf', 'config.json', { layer_norm_eps: 0 });
  const checkpoint = files('theocoombes/model.pt');
  const message =
    /vit-hf makes no model that can run: encoder\.epsilon is 0 and must be >0\. Correct its config\.json/u;
  await assert.rejects(plan({ checkpoint, encoder }), refused('checkpoint-mismatch', message));
});

test('an empty title is wrong usage of its option', async () => {
  await assert.rejects(plan({ title: '' }), refused('usage', /^--title must/u));
});

test('a tensor that ClipCap does not have is refused by its name', async (t) => {
  const checkpoint = await rewritten(t, files('mlp.pt'), (record, bytes) =>
    record.endsWith('.pkl') ? replaced(bytes, 'gpt.transformer.ln_f.bias', 'gpt.transformer.ln_x.bias') : bytes,
  );
  await assert.rejects(plan({ checkpoint }), refused('checkpoint-mismatch', /mlp\.pt has no tensor.*ln_f\.bias/u));
});

test('of a linked checkpoint, the files beside the link are read, then those beside its target', async (t) => {
  const folder = await temporaryFolder(t);
  const [blobs, named] = [join(folder, 'blobs'), join(folder, 'named')];
  for (const each of [blobs, named]) await mkdir(each);
  await cp(files('theocoombes/model.pt'), join(blobs, '5f3a'));
  await symlink(join('..', 'blobs', '5f3a'), join(named, 'model.pt'));
  await cp(files('theocoombes/tokenizer.json'), join(blobs, 'tokenizer.json'));
  await writeFile(join(named, 'model_config.yaml'), 'transformer_attention_heads: 2');
  await writeFile(join(blobs, 'model_config.yaml'), 'transformer_attention_heads: 16');
  const planned = await plan({ checkpoint: join(named, 'model.pt'), encoder: files('vit-hf') });
  await planned.close();
  const { mapper, title } = planned.manifest;
  assert.ok(mapper.kind === 'transformer');
  assert.equal(mapper.heads, 2);
  assert.equal(title, 'model.pt');
  assert.equal(planned.tokenizer.from, 'config');
});

for (const also of [false, true]) {
  const besides = also ? ', and before a preprocessor_config.json' : '';
  test(`the image processor of a processor_config.json is followed${besides}`, async (t) => {
    const encoder = await changed(t, 'vit-hf', 'preprocessor_config.json', {});
    const older = join(encoder, 'preprocessor_config.json');
    const processor = await readJson(older);
    const newer = { processor_class: 'ViTProcessor', image_processor: { ...processor, image_mean: [0.1, 0.2, 0.3] } };
    await writeFile(join(encoder, 'processor_config.json'), JSON.stringify(newer));
    if (!also) await rename(older, join(encoder, 'other.json'));
    const planned = await plan({ checkpoint: files('theocoombes/model.pt'), encoder });
    await planned.close();
    assert.deepEqual(planned.manifest.encoder.image.mean, [0.1, 0.2, 0.3]);
    assert.equal(planned.findings.find(({ what }) => what === 'images')?.from, 'config');
  });
}

test('a processor_config.json without an image processor changes nothing', async (t) => {
  const encoder = await changed(t, 'vit-hf', 'preprocessor_config.json', { image_mean: [0.1, 0.2, 0.3] });
  await writeFile(join(encoder, 'processor_config.json'), '{"processor_class":"ViTProcessor"}');
  const planned = await plan({ checkpoint: files('theocoombes/model.pt'), encoder });
  await planned.close();
  assert.deepEqual(planned.manifest.encoder.image.mean, [0.1, 0.2, 0.3]);
});

test('a YAML file may have a key twice, comments far to the right and long texts', async (t) => {
  const far = ' '.repeat(100);
  const yaml = `transformer_attention_heads: 4\n${far}# far\nnote: a text\n${far}that goes on\ntransformer_attention_heads: 2`;
  const folder = join(await temporaryFolder(t), 'theocoombes');
  await cp(files('theocoombes'), folder, { recursive: true });
  await writeFile(join(folder, 'model_config.yaml'), yaml);
  const planned = await plan({ checkpoint: join(folder, 'model.pt'), encoder: files('vit-hf') });
  await planned.close();
  assert.ok(planned.manifest.mapper.kind === 'transformer');
  assert.equal(planned.manifest.mapper.heads, 2);
});

for (const { name, yaml, message } of [
  { name: 'is no list of settings', yaml: 'settings', message: /model_config\.yaml.*: the document: /u },
  { name: 'is larger than any that is written', yaml: '['.repeat(70_000), message: /model_config\.yaml.*65536 bytes/u },
  { name: 'breaks off', yaml: 'transformer_attention_heads: 2\nencoder: [', message: /model_config\.yaml.*not YAML/u },
  ...['[', '{a: ', '[\n', '- ', '? ', '!!seq - ', '- &a - '].map((level) => ({
    name: `is nested without end by ${JSON.stringify(level)}`,
    yaml: level.repeat(8000),
    message: /model_config\.yaml.*nested more than/u,
  })),
  {
    name: 'is nested line by line',
    yaml: Array.from({ length: 300 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join(''),
    message: /model_config\.yaml.*nested more than/u,
  },
]) {
  test(`a YAML file that ${name} is refused as a whole`, async (t) => {
    const folder = join(await temporaryFolder(t), 'theocoombes');
    await cp(files('theocoombes'), folder, { recursive: true });
    await writeFile(join(folder, 'model_config.yaml'), yaml);
    const given = { checkpoint: join(folder, 'model.pt'), encoder: files('vit-hf') };
    await assert.rejects(plan(given), refused('checkpoint-invalid', message));
  });
}

test('a tokenizer that is nested without end is refused', async (t) => {
  const tokenizer = join(await temporaryFolder(t), 'deep.json');
  const text = (await readFile(files('tokenizer.json'), 'utf8')).trimEnd();
  await writeFile(tokenizer, `${text.slice(0, -1)}, "x": ${'['.repeat(200_000)}${']'.repeat(200_000)}}`);
  await assert.rejects(plan({ tokenizer }), refused('checkpoint-invalid', /deep\.json.*nested more than/u));
});

/** 2^40, as a pickle has it. */
const huge = '\x8a\x06\x00\x00\x00\x00\x00\x01';

test('a vocabulary that repeats one row 2^40 times is refused by its name', async (t) => {
  const checkpoint = await rewritten(t, files('mlp.pt'), (record, bytes) =>
    record.endsWith('.pkl')
      ? replaced(replaced(bytes, 'M,\x01K@\x86', `${huge}K@\x86`), 'K@K\x01\x86', 'K\x00K\x01\x86')
      : bytes,
  );
  const message = /mlp\.pt.*"gpt\.transformer\.wte\.weight" repeats its values/u;
  await assert.rejects(plan({ checkpoint }), refused('checkpoint-invalid', message));
});

test('a scale of CLIP’s cosines that repeats itself only costs the labels', async (t) => {
  const archive = fixture('clipText/ViT.pt');
  const encoder = await rewritten(t, archive, (record, bytes) => {
    if (!record.endsWith('/data.pkl')) return bytes;
    const at = bytes.indexOf('logit_scale');
    assert.ok(at > 0);
    // Its shape and its strides are empty tuples.
    const tail = replaced(bytes.subarray(at), '(t(t', `(${huge}t(K\x00t`);
    return Buffer.concat([bytes.subarray(0, at), tail]);
  });
  const planned = await plan({ encoder });
  await planned.close();
  assert.equal(planned.labels, undefined);
  const labels = planned.findings.find(({ what }) => what === 'labels');
  assert.match(labels!.value, /^none, because ViT\.pt.*logit_scale" repeats its values/u);
});

/** A row of the vocabulary, and a position that no caption of a self-check reaches. */
const places = { 'gpt.transformer.wte.weight': 'NaN', 'gpt.transformer.wpe.weight': 'Infinity' } as const;

for (const dtype of ['fp32', 'fp16', 'q8', 'q4'] as const) {
  for (const [name, value] of Object.entries(places)) {
    test(`${value} in ${name} keeps a pack of ${dtype} from being written`, async (t) => {
      const checkpoint = join(await temporaryFolder(t), 'mlp.pt');
      await withValue(files('mlp.pt'), name, Number(value), checkpoint);
      const planned = await plan({ checkpoint, tokenizer: files('tokenizer.json'), dtype });
      const { manifest, sources, pathOf } = planned;
      const ignored = { name: '', seen: () => undefined };
      const weights = weightsFile(weightTensors(manifest), sources, dtype, ignored, pathOf);
      const write = async (): Promise<void> => {
        for await (const piece of weights.pieces()) assert.ok(piece.length > 0);
      };
      await assert.rejects(write, refused('checkpoint-invalid', new RegExp(`mlp\\.pt.*"${name}" holds ${value}`, 'u')));
      await planned.close();
    });
  }
}
