/**
 * Every encoder and mapper that a pack may have, and GPT-2 in its forms, in ONNX Runtime against PyTorch in float32. The
 * fixtures are made by `python test/parity/generate.py`.
 */
import assert from 'node:assert/strict';
import { before, test, type TestContext } from 'node:test';
import { Tensor, type InferenceSession } from 'onnxruntime-node';
import { encoderGraph } from '@clipcap/models/graphs/encoders/encoder';
import { gpt2Step } from '@clipcap/models/graphs/gpt2';
import { mapperGraph } from '@clipcap/models/graphs/mappers/mapper';
import type { Pack } from '@clipcap/models/pack/openPack';
import { Decoder } from '@clipcap/server/inference/decoder';
import { Encoder } from '@clipcap/server/inference/encoder';
import { emptyPast } from '@clipcap/server/inference/keyValueCache';
import { Mapper } from '@clipcap/server/inference/mapper';
import { createSession, output, run } from '@clipcap/server/inference/provider';
import { readJson } from '../json.js';
import { readTensors } from '../readTensors.js';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import type { TensorValues } from '../writeSafetensors.js';
import { noisePack, type Architectures } from './architecturePacks.js';
import { noiseTensor } from './noise.js';

/**
 * Largest difference from PyTorch's float32, as a share of the tensor's largest magnitude. What 16, 8 and 4 bit cost was
 * measured on these models, whose rows of 32 to 96 values average less out than those of a real model.
 */
const tolerances = {
  fp32: { image_embeds: 1e-4, prefix: 1e-4, logits: 1e-4 },
  fp16: { image_embeds: 6e-3, prefix: 4e-3, logits: 4e-3 },
  'fp16 computed': { image_embeds: 6e-3, prefix: 4e-3, logits: 4e-3 },
  q8: { image_embeds: 0.04, prefix: 0.035, logits: 0.04 },
  q4: { image_embeds: 0.35, prefix: 0.25, logits: 0.35 },
} as const;

const architectures = await readJson<Architectures>(fixture('architectures/expected.json'));
let expected: ReadonlyMap<string, TensorValues>;

before(async () => {
  expected = await readTensors(fixture('architectures/expected.safetensors'));
});

function assertNear(name: string, actual: ArrayLike<number>, tolerance: number): void {
  const wanted = expected.get(name)!.values;
  assert.equal(actual.length, wanted.length);
  const largest = wanted.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  let worst = 0;
  for (const [i, value] of wanted.entries()) {
    const difference = Math.abs(value - actual[i]!) / largest;
    if (!(difference <= worst)) worst = difference;
  }
  assert.ok(worst <= tolerance, `${name} differs by ${worst} of its largest value`);
}

function pixelsOf(name: string, size: number): Float32Array[] {
  const both = noiseTensor(7, name, 2 * 3 * size * size);
  return [both.slice(0, both.length / 2), both.slice(both.length / 2)];
}

/** The graphs with 16-bit products that graphics processors are given; on the CPU their arithmetic is that of 32 bit. */
function inHalves(pack: Pack): Pack {
  return { ...pack, weights: { ...pack.weights, halves: 'computed' } };
}

for (const kind of ['fp32', 'fp16', 'fp16 computed', 'q8', 'q4'] as const) {
  const tolerance = tolerances[kind];
  const dtype = kind === 'fp16 computed' ? 'fp16' : kind;
  for (const [i, [name, encoder]] of Object.entries(architectures.encoders).entries()) {
    for (const [j, [mapperKind, mapper]] of Object.entries(architectures.mappers).entries()) {
      test(`${kind}: ${name} → ${mapperKind} mapper → GPT-2 gives PyTorch’s embeddings, prefixes and logits`, async (t) => {
        const model = architectures.languageModels[(i + j) % 2]!;
        const stored = await noisePack(await temporaryFolder(t), model, dtype, {
          encoder,
          mapper,
        });
        const pack = kind === dtype ? stored : inHalves(stored);
        const parts = {
          encoder: await Encoder.create(pack, 'cpu'),
          mapper: await Mapper.create(pack, 'cpu'),
          decoder: await Decoder.create(pack, 'cpu'),
        };
        t.after(() => Promise.all(Object.values(parts).map((part) => part.release())));
        const embeds = await parts.encoder.encode(pixelsOf(name, encoder.image.size));
        assertNear(`${name}/image_embeds`, embeds, tolerance.image_embeds);
        const prefix = await parts.mapper.map(embeds);
        assertNear(`${name}/${mapperKind}/prefix`, prefix, tolerance.prefix);
        const decoding = parts.decoder.begin(prefix, 2);
        assertNear(`${name}/${mapperKind}/logits`, await decoding.first(), tolerance.logits);
        decoding.dispose();
      });
    }
  }
}

async function sessionOf(t: TestContext, pack: Pack, graph: Uint8Array): Promise<InferenceSession> {
  const session = await createSession(graph, 'cpu', pack.folder);
  t.after(() => session.release());
  return session;
}

async function values(session: InferenceSession, feeds: Record<string, Tensor>, name: string): Promise<Float32Array> {
  const outputs = await run(session, feeds, [name]);
  return output(outputs, name, 'float32').data;
}

const tied = architectures.languageModels.find((model) => model.tiedHead)!;
const untied = architectures.languageModels.find((model) => !model.tiedHead)!;

for (const [name, encoder] of Object.entries(architectures.encoders)) {
  if (encoder.kind === 'onnx' || encoder.kind === 'clip-resnet') continue;
  test(`${name}’s variant gives the attention between patches`, async (t) => {
    const pack = await noisePack(await temporaryFolder(t), tied, 'fp32', { encoder });
    const session = await sessionOf(t, pack, encoderGraph(encoder, pack.weights, 'patch_attention'));
    const { size } = encoder.image;
    const pixels = new Tensor('float32', noiseTensor(7, name, 2 * 3 * size * size), [2, 3, size, size]);
    const attention = await values(session, { pixel_values: pixels }, 'patch_attention');
    assertNear(`${name}/patch_attention`, attention, 1e-4);
  });
}

test('the transformer mapper’s variant gives its attentions', async (t) => {
  const [name, encoder] = Object.entries(architectures.encoders)[0]!;
  const mapper = architectures.mappers['transformer']!;
  const pack = await noisePack(await temporaryFolder(t), tied, 'fp32', { encoder, mapper });
  const session = await sessionOf(t, pack, mapperGraph(pack.manifest, pack.weights, 'attentions'));
  const embeds = expected.get(`${name}/image_embeds`)!;
  const feeds = { image_embeds: new Tensor('float32', embeds.values, embeds.shape) };
  assertNear(`${name}/transformer/mapper_attentions`, await values(session, feeds, 'attentions'), 1e-4);
});

test('the decoder’s variants give attentions and hidden states, and the logits of the plain graph', async (t) => {
  const pack = await noisePack(await temporaryFolder(t), untied, 'fp32');
  const { width } = untied;
  const session = await sessionOf(
    t,
    pack,
    gpt2Step(pack.manifest.languageModel, pack.weights, { variants: ['attentions', 'hidden_states'] }),
  );
  const feeds = {
    inputs_embeds: new Tensor('float32', noiseTensor(8, 'prefix', 2 * 4 * width), [2, 4, width]),
    input_ids: new Tensor('int64', BigInt64Array.of(17n, 0n, 299n, 5n, 5n, 120n), [2, 3]),
    attended_rows: new Tensor('int32', Int32Array.of(0, 7, 1, 8, 2, 9, 3, 10, 4, 11, 5, 12, 6, 13), [7, 2]),
    ...emptyPast(pack.manifest.languageModel),
  };
  for (const name of ['logits', 'attentions', 'hidden_states']) {
    assertNear(`decoder/${name}`, await values(session, feeds, name), 1e-4);
  }
});
