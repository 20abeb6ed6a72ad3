/** What an import recognises as a ClipCap checkpoint, and what it infers and assumes of one. */
import assert from 'node:assert/strict';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { files, found, plan, refuses, resaved } from '../importPlan.js';
import { temporaryFolder } from '../temporaryFolder.js';

test('a tied head that save_model of safetensors kept instead of the token embedding stands for both', async (context) => {
  const [kept, left] = ['gpt.lm_head.weight', 'gpt.transformer.wte.weight'];
  const checkpoint = await resaved(await temporaryFolder(context), files('mlp.pt'), {
    rename: (name) => (name === left ? undefined : name),
    metadata: { [left]: kept, format: 'pt' },
  });
  const { manifest, sources } = await plan(context, { checkpoint });
  assert.ok(manifest.languageModel.tiedHead);
  assert.deepEqual(sources.get(left)!.shape, [300, 64]);
});

for (const [what, rename] of [
  ['a parallel GPT-2', (name: string) => name.replace(/^gpt\./u, 'gpt.module.')],
  ['a compiled mapper', (name: string) => name.replace(/^clip_project\./u, 'clip_project._orig_mod.')],
  ['a compiled GPT-2’s inside', (name: string) => name.replace(/^gpt\.transformer\./u, 'gpt.transformer._orig_mod.')],
  [
    'both, in a parallel whole',
    (name: string) => `module.${name.replace(/^(gpt|clip_project)\./u, '$1._orig_mod.module.')}`,
  ],
] as const) {
  test(`the wrapper around a part of the model does not matter: ${what}`, async (context) => {
    const usual = await plan(context, {});
    const wrapped = await plan(context, {
      checkpoint: await resaved(await temporaryFolder(context), files('mlp.pt'), { rename }),
    });
    assert.deepEqual([...wrapped.sources.keys()].sort(), [...usual.sources.keys()].sort());
    assert.deepEqual(wrapped.manifest.mapper, usual.manifest.mapper);
    assert.deepEqual(wrapped.leftBehind, []);
  });
}

for (const [model, rename] of [
  ['OPT', (name: string) => name.replace('.transformer.wte.', '.model.decoder.embed_tokens.')],
  ['GPT-Neo', (name: string) => name.replace('.h.0.attn.c_attn.', '.h.0.attn.attention.q_proj.')],
  ['GPT-J', (name: string) => name.replace('.h.0.attn.c_attn.', '.h.0.attn.q_proj.')],
] as const) {
  test(`a mapper for ${model} is refused with the model’s name`, async (context) => {
    const checkpoint = await resaved(await temporaryFolder(context), files('mlp.pt'), { rename });
    const message = new RegExp(`has ${model} as its language model\\. Only GPT-2 is built`, 'u');
    await refuses(context, { checkpoint }, 'checkpoint-unsupported', message);
  });
}

const theoCoombes = { encoder: files('vit-hf') };

/** A checkpoint of TheoCoombes/ClipCap with another YAML file, or without one. */
async function trainedWith(context: TestContext, yaml: string | undefined) {
  const folder = await temporaryFolder(context);
  const checkpoint = join(folder, 'model.pt');
  await cp(files('theocoombes/model.pt'), checkpoint);
  if (yaml !== undefined) await writeFile(join(folder, 'model_config.yaml'), yaml);
  return checkpoint;
}

test('without its YAML file, TheoCoombes/ClipCap’s mapper has the official number of heads, and is asked for', async (context) => {
  const planned = await plan(context, { ...theoCoombes, checkpoint: await trainedWith(context, undefined) });
  const { value, from, ambiguous } = found(planned, 'mapper’s heads');
  assert.deepEqual([value, from, ambiguous], ['8', 'assumed', true]);
});

for (const normalize of [true, false]) {
  const yaml = `encoder_config:\n  normalize_embeddings: ${normalize}`;
  test(`TheoCoombes/ClipCap’s YAML file says normalize_embeddings: ${normalize}`, async (context) => {
    const checkpoint = await trainedWith(context, yaml);
    const planned = await plan(context, { ...theoCoombes, checkpoint });
    assert.equal(planned.manifest.encoder.normalize, normalize);
    assert.equal(found(planned, 'image embedding').from, 'config');
    const otherwise = { ...theoCoombes, checkpoint, normalize: !normalize };
    const remedy = normalize ? /Leave out --no-normalize/u : /Leave out --normalize/u;
    await refuses(context, otherwise, 'checkpoint-mismatch', remedy);
  });
}

/** The official transformer mapper's names, and those of TheoCoombes/ClipCap for the same tensors. */
const theirNames = (name: string): string =>
  name.replace(/^gpt\./u, 'language_model.').replace(/^clip_project\./u, 'transformer_mapper.');

for (const { layout, checkpoint, encoder, normalize, asked } of [
  { layout: 'the official MLP', checkpoint: 'mlp.pt', encoder: 'clip-hf', normalize: false, asked: true },
  { layout: 'the official transformer', checkpoint: 'transformer.pt', encoder: 'RN.pt', normalize: true, asked: false },
  { layout: 'TheoCoombes’ for RN50x4', checkpoint: 'transformer.pt', encoder: 'RN.pt', normalize: false, asked: true },
]) {
  test(`embeddings are ${normalize ? '' : 'not '}normalised for ${layout}, ${asked ? 'as long as nobody says otherwise' : 'without a question'}`, async (context) => {
    const rename = layout.startsWith('TheoCoombes') ? theirNames : (name: string) => name;
    const path = await resaved(await temporaryFolder(context), files(checkpoint), { rename });
    const planned = await plan(context, { checkpoint: path, encoder: files(encoder) });
    assert.equal(planned.manifest.encoder.normalize, normalize);
    const { from, ambiguous, flag } = found(planned, 'image embedding');
    assert.deepEqual([from, ambiguous, flag], ['assumed', asked, normalize ? '--no-normalize' : '--normalize']);
    const told = await plan(context, { checkpoint: path, encoder: files(encoder), normalize: !normalize });
    assert.equal(told.manifest.encoder.normalize, !normalize);
  });
}

test('a GPT-2 configuration of another model is described as far as it goes', async (context) => {
  const gpt2Config = join(await temporaryFolder(context), 'config.json');
  await writeFile(gpt2Config, '{"n_head": 2, "n_embd": 1024}');
  const message = /describes 2 layers of width 1024; the checkpoint has 2 of 64/u;
  await refuses(context, { gpt2Config }, 'checkpoint-mismatch', message);
  await writeFile(gpt2Config, '{"n_head": 2}');
  assert.equal((await plan(context, { gpt2Config })).manifest.languageModel.heads, 2);
});

for (const [what, config] of [
  ['a CLIP', JSON.parse(await readFile(files('clip-hf/config.json'), 'utf8'))],
  ['GPT-Neo', { model_type: 'gpt_neo', n_head: 2 }],
  ['a GPT-2 that does not say its heads', { model_type: 'gpt2', n_embd: 64 }],
] as const) {
  test(`a configuration of ${what} is refused as the language model’s`, async (context) => {
    const gpt2Config = join(await temporaryFolder(context), 'config.json');
    await writeFile(gpt2Config, JSON.stringify(config));
    const message = /is no configuration of a GPT-2 that says n_head\. Name that of/u;
    await refuses(context, { gpt2Config }, 'checkpoint-mismatch', message);
  });
}

test('a GPT-2 configuration of another context or a larger vocabulary is another model’s', async (context) => {
  const gpt2Config = join(await temporaryFolder(context), 'config.json');
  const { languageModel } = (await plan(context, {})).manifest;
  const write = (n_positions: number, vocab_size: number): Promise<void> =>
    writeFile(gpt2Config, JSON.stringify({ model_type: 'gpt2', n_head: 2, n_positions, vocab_size }));
  const { context: positions, vocabulary } = languageModel;
  for (const sizes of [[positions + 1, vocabulary] as const, [positions, vocabulary + 1] as const]) {
    await write(...sizes);
    const message = new RegExp(`describes ${sizes[0]} positions and ${sizes[1]} tokens; the checkpoint has`, 'u');
    await refuses(context, { gpt2Config }, 'checkpoint-mismatch', message);
  }
  await write(positions, vocabulary - 1);
  assert.equal((await plan(context, { gpt2Config })).manifest.languageModel.heads, 2);
});

test('heads that cannot be are refused with the option that says others, which only the command line has', async (context) => {
  const gpt2Config = join(await temporaryFolder(context), 'config.json');
  await writeFile(gpt2Config, '{"n_head": 7}');
  await refuses(context, { gpt2Config }, 'checkpoint-mismatch', /On the command line, .* with --gpt2-config/u);
  const checkpoint = files('transformer.pt');
  const asked = { checkpoint, encoder: files('RN.pt'), mapperHeads: 7 };
  await refuses(context, asked, 'checkpoint-mismatch', /on the command line .*--mapper-heads/u);
});

test('a pack is no checkpoint and no encoder, whether its folder is named or its weights', async (context) => {
  const folder = await temporaryFolder(context);
  const weights = await resaved(folder, files('mlp.pt'));
  await plan(context, { checkpoint: weights });
  await writeFile(join(folder, 'pack.json'), '{}');
  for (const request of [{ checkpoint: weights }, { checkpoint: folder }, { encoder: weights }]) {
    await refuses(context, request, 'checkpoint-unsupported', /belongs to a model pack, which needs no import/u);
  }
});
