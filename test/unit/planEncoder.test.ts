/** What an import recognises as an image encoder, and what it assumes of one. */
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { GraphBuilder } from '@clipcap/models/graphs/graph';
import { openEncoder } from '@clipcap/models/import/openEncoder';
import type { ImportPlan } from '@clipcap/models/import/planImport';
import { files, found, plan, refuses, resaved } from '../importPlan.js';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { writeSafetensors } from '../writeSafetensors.js';

/** An encoder of the mean colour whose input is declared with these dimensions. */
async function onnxEncoder(context: TestContext, dimensions: readonly (number | string)[]): Promise<string> {
  const graph = new GraphBuilder();
  const pixels = graph.input('pixel_values', 'float32', dimensions);
  const colour = graph.node('Flatten', [graph.node('GlobalAveragePool', [pixels])], { axis: 1 });
  const weights = graph.floats(
    Array.from({ length: 96 }, () => 1),
    [3, 32],
  );
  graph.output('image_embeds', graph.node('MatMul', [colour, weights]), 'float32', ['batch_size', 32]);
  const path = join(await temporaryFolder(context), 'eye.onnx');
  await writeFile(path, graph.build('encoder'));
  return path;
}

for (const [dimensions, size] of [
  [['batch_size', 'num_channels', 'height', 'width'], 224],
  [['batch_size', 3, 'size', 'size'], 224],
  [['batch_size', 3, 288, 'width'], 288],
] as const) {
  test(`an ONNX encoder of [${dimensions.join(', ')}] takes images of ${size} px`, async (context) => {
    const { manifest } = await plan(context, { encoder: await onnxEncoder(context, dimensions) });
    assert.equal(manifest.encoder.image.size, size);
  });
}

test('an ONNX encoder that takes any size gets the images that its preprocessor_config.json asks for', async (context) => {
  const encoder = await onnxEncoder(context, ['batch_size', 'num_channels', 'height', 'width']);
  await cp(files('clip-hf/preprocessor_config.json'), join(encoder, '..', 'preprocessor_config.json'));
  const planned = await plan(context, { encoder });
  assert.equal(planned.manifest.encoder.image.size, 32);
  assert.equal(found(planned, 'images').from, 'config');
});

test('an ONNX encoder of images that are not square is none', async (context) => {
  const encoder = await onnxEncoder(context, ['batch_size', 3, 224, 288]);
  await refuses(context, { encoder }, 'checkpoint-unsupported', /is no image encoder/u);
});

function activationOf({ manifest: { encoder } }: ImportPlan): string {
  assert.ok(encoder.kind === 'clip-vit');
  return encoder.activation;
}

test('a state dict with OpenAI’s names may be another’s: its activation is assumed, and can be told', async (context) => {
  const encoder = await resaved(await temporaryFolder(context), files('ViT.pt'));
  const planned = await plan(context, { encoder });
  assert.equal(activationOf(planned), 'quick-gelu');
  const { from, ambiguous, flag } = found(planned, 'encoder’s activation');
  assert.deepEqual([from, ambiguous, flag], ['assumed', true, '--activation']);
  const told = await plan(context, { encoder, activation: 'gelu' });
  assert.equal(activationOf(told), 'gelu');
  assert.equal(found(told, 'encoder’s activation').from, 'told');
});

test('the text side computes with the activation that was told', async (context) => {
  const encoder = await resaved(await temporaryFolder(context), fixture('clipText/ViT.pt'));
  const labels = join(await temporaryFolder(context), 'labels.txt');
  await writeFile(labels, 'lion\ntiger');
  for (const activation of ['quick-gelu', 'gelu'] as const) {
    const planned = await plan(context, { encoder, activation, labels });
    assert.equal(planned.labels?.tower.activation, activation);
  }
});

type Shapes = readonly (readonly [string, readonly number[]])[];

/** A file of tensors with these shapes. */
async function zeros(context: TestContext, shapes: Shapes): Promise<string> {
  const tensors = shapes.map(([name, shape]) => {
    const values = new Float32Array(shape.reduce((product, size) => product * size, 1));
    return [name, { shape, values }] as const;
  });
  const path = join(await temporaryFolder(context), 'model.safetensors');
  await writeSafetensors(path, new Map(tensors), () => 'F32');
  return path;
}

for (const [width, heads] of [
  [768, 12],
  [1024, 16],
  [1280, 16],
  [1408, 16],
  [1664, 16],
] as const) {
  test(`a state dict with OpenAI’s names of width ${width} has ${heads} heads, as those of its width are trained`, async (context) => {
    const encoder = await zeros(context, [
      ['visual.class_embedding', [width]],
      ['visual.conv1.weight', [width, 3, 1, 1]],
      ['visual.positional_embedding', [5, width]],
      ['visual.proj', [width, 32]],
      ['visual.transformer.resblocks.0.mlp.c_fc.weight', [1, width]],
    ]);
    const opened = await openEncoder(encoder, {});
    context.after(() => opened.close());
    const { value, from } = found(opened, 'encoder’s heads');
    assert.deepEqual([value, from], [String(heads), 'assumed']);
  });
}

function linear(name: string, rows: number, columns: number) {
  return [
    [`${name}.weight`, [rows, columns]],
    [`${name}.bias`, [rows]],
  ] as const;
}

/** CLIP's image side under Hugging Face's names, as wide as one head that nobody has to say. */
async function huggingFaceFile(context: TestContext): Promise<string> {
  const [width, hidden] = [64, 256];
  const block = 'vision_model.encoder.layers.0';
  const norm = (name: string) => ['weight', 'bias'].map((tensor) => [`${name}.${tensor}`, [width]] as const);
  const shapes: Shapes = [
    ['vision_model.embeddings.class_embedding', [width]],
    ['vision_model.embeddings.patch_embedding.weight', [width, 3, 16, 16]],
    ['vision_model.embeddings.position_embedding.weight', [5, width]],
    ['visual_projection.weight', [32, width]],
    ...['pre_layrnorm', 'post_layernorm'].flatMap((name) => norm(`vision_model.${name}`)),
    ...['layer_norm1', 'layer_norm2'].flatMap((name) => norm(`${block}.${name}`)),
    ...['q', 'k', 'v', 'out'].flatMap((name) => linear(`${block}.self_attn.${name}_proj`, width, width)),
    ...linear(`${block}.mlp.fc1`, hidden, width),
    ...linear(`${block}.mlp.fc2`, width, hidden),
  ];
  return zeros(context, shapes);
}

test('a CLIP of Hugging Face without its config.json takes the activation that is told', async (context) => {
  const encoder = await huggingFaceFile(context);
  const planned = await plan(context, { encoder });
  assert.equal(activationOf(planned), 'quick-gelu');
  assert.deepEqual(found(planned, 'encoder’s activation').flag, '--activation');
  assert.equal(activationOf(await plan(context, { encoder, activation: 'gelu' })), 'gelu');
});

test('a CLIP whose config.json says its activation takes no other', async (context) => {
  const request = { encoder: files('clip-hf'), activation: 'gelu' } as const;
  await refuses(
    context,
    request,
    'checkpoint-mismatch',
    /computes with quick-gelu, not gelu\. Leave out --activation/u,
  );
});

for (const [what, encoder, checkpoint] of [
  ['OpenAI’s archive', 'ViT.pt', 'mlp.pt'],
  ['a plain ViT', 'vit-hf', 'theocoombes/model.pt'],
] as const) {
  test(`${what} has its activation, and takes no other`, async (context) => {
    const request = { encoder: files(encoder), checkpoint: files(checkpoint) };
    const { findings } = await plan(context, request);
    assert.ok(!findings.some(({ flag }) => flag === '--activation'));
    const told = { ...request, activation: 'gelu' } as const;
    await refuses(context, told, 'checkpoint-mismatch', /Leave out --activation/u);
  });
}

test('a vision_config that cannot be read is refused, not replaced by defaults', async (context) => {
  const encoder = join(await temporaryFolder(context), 'clip');
  await mkdir(encoder);
  for (const name of ['model.safetensors', 'preprocessor_config.json']) {
    await cp(files(`clip-hf/${name}`), join(encoder, name));
  }
  const write = (config: unknown): Promise<void> => writeFile(join(encoder, 'config.json'), JSON.stringify(config));
  await write({ vision_config: { num_attention_heads: '4' } });
  await refuses(context, { encoder }, 'checkpoint-invalid', /config\.json is not one of CLIP/u);
  await write({ vision_config: { num_attention_heads: 4 } });
  const { manifest } = await plan(context, { encoder });
  assert.ok(manifest.encoder.kind === 'clip-vit');
  assert.equal(manifest.encoder.heads, 4);
});

for (const [folder, checkpoint, kind] of [
  ['clip-hf', 'mlp.pt', 'clip-vit'],
  ['vit-hf', 'theocoombes/model.pt', 'vit'],
] as const) {
  test(`the weights file of ${folder} says what its folder says`, async (context) => {
    const whole = await plan(context, { checkpoint: files(checkpoint), encoder: files(folder) });
    const named = { checkpoint: files(checkpoint), encoder: files(`${folder}/model.safetensors`) };
    const { manifest, findings } = await plan(context, named);
    assert.equal(manifest.encoder.kind, kind);
    assert.deepEqual(manifest.encoder, whole.manifest.encoder);
    assert.deepEqual(findings, whole.findings);
  });
}

test('a config.json beside a weights file is not taken for its own if it is another model’s', async (context) => {
  const encoder = await huggingFaceFile(context);
  const write = (config: unknown) => writeFile(join(encoder, '..', 'config.json'), JSON.stringify(config));
  await write({ model_type: 'gpt2', n_head: 2 });
  assert.equal(found(await plan(context, { encoder }), 'encoder’s heads').from, 'assumed');
  await write({ model_type: 'clip_vision_model', hidden_size: 128, num_attention_heads: 2 });
  const message = /is 64 wide, its config\.json describes one of 128/u;
  await refuses(context, { encoder }, 'checkpoint-mismatch', message);
});

test('the preprocessor_config.json beside OpenAI’s archive is another’s', async (context) => {
  const encoder = join(await temporaryFolder(context), 'ViT.pt');
  await cp(files('ViT.pt'), encoder);
  await writeFile(join(encoder, '..', 'preprocessor_config.json'), '{"size": 1000}');
  assert.equal(found(await plan(context, { encoder }), 'images').from, 'assumed');
});

test('a vision transformer of another type is refused with it, whatever its tensors are called', async (context) => {
  const encoder = join(await temporaryFolder(context), 'deit');
  await cp(files('vit-hf'), encoder, { recursive: true });
  const path = join(encoder, 'config.json');
  await writeFile(path, (await readFile(path, 'utf8')).replace('"model_type": "vit"', '"model_type": "deit"'));
  const request = { encoder, checkpoint: files('theocoombes/model.pt') };
  await refuses(context, request, 'checkpoint-unsupported', /is a model of the type "deit"\. Only ViT and DINOv2/u);
});

for (const [what, positions, message] of [
  ['without positions', undefined, /is a vision transformer of another kind/u],
  ['of images that are not square', 25, /has 25 positions, which are no square and one more/u],
] as const) {
  test(`a vision transformer ${what} is refused, and not called damaged`, async (context) => {
    const encoder = await zeros(context, [
      ['embeddings.cls_token', [1, 1, 64]],
      ['embeddings.patch_embeddings.projection.weight', [64, 3, 16, 16]],
      ['encoder.layer.0.layernorm_before.weight', [64]],
      ...(positions === undefined ? [] : [['embeddings.position_embeddings', [1, positions, 64]] as const]),
    ]);
    await refuses(context, { encoder }, 'checkpoint-unsupported', message);
  });
}
