import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mapperGraph } from '@clipcap/models/graphs/mappers/mapper';
import { cutGraph } from '@clipcap/models/graphs/pieces';
import type { EncoderManifest } from '@clipcap/models/pack/manifest';
import { openPack, type Pack } from '@clipcap/models/pack/openPack';
import { Decoder } from '@clipcap/server/inference/decoder';
import { Encoder } from '@clipcap/server/inference/encoder';
import { NearestTokens } from '@clipcap/server/inference/interpret';
import { PieceByPiece } from '@clipcap/server/inference/leanSession';
import { Mapper } from '@clipcap/server/inference/mapper';
import { openSession, type OpenSession, type Session } from '@clipcap/server/inference/provider';
import { sessionOptions } from '@clipcap/server/inference/sessionOptions';
import { gaussian, smallImages as image, writeRandomPack, type RandomPackOptions } from '../randomPack.js';
import { temporaryFolder } from '../temporaryFolder.js';

const transformer = { normalize: false, image, embeddingWidth: 24, width: 24, layers: 3, heads: 2, patchSize: 16 };
const huggingFace = { ...transformer, hiddenWidth: 40, epsilon: 1e-6, positionGrid: 3 };
const encoders = [
  { kind: 'clip-vit', ...transformer, activation: 'quick-gelu' },
  { kind: 'vit', ...huggingFace },
  { kind: 'dinov2', ...huggingFace, feedForward: 'mlp' },
  { kind: 'clip-resnet', normalize: false, image, embeddingWidth: 24, width: 4, layers: [1, 2, 1, 1], heads: 2 },
] satisfies EncoderManifest[];
const mapper = { kind: 'transformer', prefixLength: 3, clipLength: 4, layers: 3, heads: 2 } as const;

const packs: RandomPackOptions[] = [
  ...encoders.map((encoder) => ({ encoder, dtype: 'fp32' }) as const),
  ...(['fp16', 'q8', 'q4'] as const).map((dtype) => ({ encoder: encoders[0]!, dtype, mapper })),
  { encoder: encoders[1]!, dtype: 'fp16', tiedHead: false },
];

/** So small that no two layers share a piece. */
const pieceBytes = 2048;

/** Embedding, prefix, nearest words' scores and first logits, all of sessions that `open` makes. */
async function computed(pack: Pack, open: OpenSession): Promise<Record<string, readonly number[]>> {
  const pixels = Float32Array.from({ length: 3 * image.size ** 2 }, gaussian(7));
  const embeds = await (await Encoder.create(pack, 'cpu', undefined, open)).encode([pixels]);
  const prefix = await (await Mapper.create(pack, 'cpu', open)).map(embeds);
  const nearest = await (await NearestTokens.create(pack, 'cpu', open)).find(prefix, 2);
  const logits = await (await Decoder.create(pack, 'cpu', open)).begin(prefix, 1).first();
  const scores = nearest.flatMap((row) => row.nearest.map(({ score }) => score));
  return { embeds: [...embeds], prefix: [...prefix], scores, logits: [...logits] };
}

for (const described of packs) {
  const { encoder, mapper: { kind } = { kind: 'mlp' }, dtype } = described;
  const name = `${encoder?.kind}, ${kind}, ${dtype}`;
  test(`a graph that is run in pieces gives what it gives as a whole: ${name}`, async (t) => {
    const { folder } = await writeRandomPack(await temporaryFolder(t), { width: 32, layers: 3, ...described });
    const pack = await openPack(folder);
    const options = sessionOptions('cpu', { weightsFolder: folder, lean: true });
    const counts: number[] = [];
    const whole = await computed(
      pack,
      graphs((graph) => openSession(graph, options)),
    );
    const cut = await computed(
      pack,
      graphs((graph) => {
        const pieces = cutGraph(graph, pieceBytes);
        counts.push(pieces.length);
        return Promise.resolve(new PieceByPiece(pieces, options));
      }),
    );
    for (const [what, values] of Object.entries(whole)) {
      const largest = Math.max(...values.map(Math.abs));
      for (const [i, value] of values.entries()) {
        assert.ok(Math.abs(cut[what]![i]! - value) <= 1e-4 * largest, `${what}[${i}]: ${cut[what]![i]} for ${value}`);
      }
    }
    assert.ok(counts[0]! >= 3 && counts[3]! >= 3, `${counts.join(', ')} pieces`);
  });
}

test('what is widened stays with the operator that multiplies with it', async (t) => {
  const options = { encoder: encoders[0]!, dtype: 'fp16', width: 32, layers: 3 } as const;
  const { folder } = await writeRandomPack(await temporaryFolder(t), options);
  const { weights, manifest } = await openPack(folder);
  const pieces = cutGraph(mapperGraph(manifest, weights), pieceBytes);
  assert.ok(pieces.length > 1);
  // The hidden layer is all that passes.
  for (const { inputs } of pieces) assert.equal(inputs.length, 1);
});

/** There are no encoder files here. */
function graphs(open: (graph: Uint8Array) => Promise<Session>): OpenSession {
  function openGraph(model: Uint8Array): Promise<Session>;
  function openGraph(model: string): Promise<never>;
  function openGraph(model: Uint8Array | string): Promise<Session> {
    return typeof model === 'string' ? Promise.reject(new Error(model)) : open(model);
  }
  return openGraph;
}
