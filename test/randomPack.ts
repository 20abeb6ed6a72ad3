/**
 * Writes a complete model pack with random weights: every part is real and tiny, the captions are noise. Tests use it
 * for what does not depend on a trained model, and break it on purpose.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GraphBuilder } from '@clipcap/models/graphs/graph';
import { labelsOf, type EncoderOf } from '@clipcap/models/pack/encoderManifest';
import { packFiles, type PackDType, type PackManifest } from '@clipcap/models/pack/manifest';
import { labelTensors, statisticsTensors, storageOf, weightTensors } from '@clipcap/models/pack/tensors';
import type { ExpectedTensors } from '@clipcap/models/pack/tensorList';
import { byteLevelTokenizer, stopToken } from './byteLevelTokenizer.js';
import { writeSafetensors, type TensorValues } from './writeSafetensors.js';

export interface RandomPackOptions {
  readonly seed?: number;
  readonly id?: string;
  readonly embeddingWidth?: number;
  readonly normalize?: boolean;
  readonly imageSize?: number;
  readonly prefixLength?: number;
  readonly hiddenWidth?: number;
  readonly width?: number;
  readonly layers?: number;
  readonly heads?: number;
  /** At least 262: 256 bytes and the merges that make a few words. */
  readonly vocabulary?: number;
  readonly context?: number;
  readonly beams?: number;
  readonly maxTokens?: number;
  readonly tiedHead?: boolean;
  /** Instead of an ONNX file that sees the mean colour only, and of the MLP. */
  readonly encoder?: PackManifest['encoder'];
  readonly mapper?: PackManifest['mapper'];
  /** `mixed` is int8 with a scale per row, as the built-in pack has it. */
  readonly dtype?: PackDType;
  /** What a weight is filled with, row-major, instead of noise. */
  readonly valuesOf?: (name: string, shape: readonly number[]) => Float32Array;
  /** Changes the weights in place before they are stored. */
  readonly editWeights?: (weights: ReadonlyMap<string, TensorValues>) => void;
}

export interface RandomPack {
  readonly folder: string;
  readonly manifest: PackManifest;
  /** The stored weights as inference sees them: dequantised, row-major. */
  readonly weights: ReadonlyMap<string, TensorValues>;
}

/** Writes a pack into `folder`, the same for the same options. */
export async function writeRandomPack(folder: string, options: RandomPackOptions = {}): Promise<RandomPack> {
  const draft = manifestOf(options);
  const random = gaussian(options.seed ?? 1);
  const expected = weightTensors(draft);
  const weights = randomTensors(expected, random, options.valuesOf);
  options.editWeights?.(weights);
  await mkdir(folder, { recursive: true });
  const { dtype } = draft;
  const stored = await writeSafetensors(
    join(folder, packFiles.weights),
    weights,
    (name) => {
      const { use } = expected.get(name)!;
      if (dtype !== 'mixed') return storageOf(use, dtype);
      return use === 'vector' ? 'F32' : 'I8';
    },
    (name) => expected.get(name)!.use === 'conv1d',
  );
  const vocabulary = stored.get('gpt.transformer.wte.weight')!;
  const statistics = randomTensors(statisticsTensors(draft), random);
  statistics.set('vocabulary_norms', rowNorms(vocabulary));
  await writeSafetensors(join(folder, packFiles.statistics), statistics, () => 'F32');
  await writeFile(
    join(folder, packFiles.tokenizer),
    JSON.stringify(byteLevelTokenizer(draft.languageModel.vocabulary)),
  );
  const labels = labelsOf(draft.encoder);
  if (labels) {
    const tensors = randomTensors(labelTensors(labels, draft.encoder.embeddingWidth), random);
    await writeSafetensors(join(folder, labels.file), tensors, () => 'F32');
  }
  if (draft.encoder.kind === 'onnx') {
    await writeFile(join(folder, draft.encoder.file), pooledEncoder(draft.encoder, random));
  }
  await writeFile(join(folder, draft.licence.file), 'CC0-1.0: random numbers.\n');
  return { folder, manifest: await describeFiles(folder, draft), weights: stored };
}

/** Writes `manifest` with the sizes and hashes of the files that it lists, as they are now. */
export async function describeFiles(folder: string, manifest: PackManifest): Promise<PackManifest> {
  const files: Record<string, { size: number; sha256: string }> = {};
  for (const name of Object.keys(manifest.files)) {
    const bytes = await readFile(join(folder, name));
    files[name] = { size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  }
  const described = { ...manifest, files };
  await writeFile(join(folder, packFiles.manifest), JSON.stringify(described, null, 2));
  return described;
}

function manifestOf(options: RandomPackOptions): PackManifest {
  const encoder = options.encoder ?? onnxEncoder(options);
  const names = [packFiles.weights, packFiles.statistics, packFiles.tokenizer, 'LICENCE.txt'];
  if (encoder.kind === 'onnx') names.push(encoder.file);
  const labels = labelsOf(encoder);
  if (labels) names.push(labels.file);
  return {
    schema: 1,
    id: options.id ?? 'random',
    title: 'Random pack',
    licence: { name: 'CC0-1.0', file: 'LICENCE.txt', notice: 'Random numbers, free for any use.' },
    source: 'made by a test',
    encoder,
    mapper: options.mapper ?? {
      kind: 'mlp',
      prefixLength: options.prefixLength ?? 3,
      hiddenWidth: options.hiddenWidth ?? 10,
    },
    languageModel: {
      architecture: 'gpt2',
      width: options.width ?? 16,
      layers: options.layers ?? 2,
      heads: options.heads ?? 2,
      vocabulary: options.vocabulary ?? 300,
      context: options.context ?? 40,
      stopTokens: [stopToken],
      tiedHead: options.tiedHead ?? true,
      tuned: true,
    },
    decoding: { strategy: 'beam', beams: options.beams ?? 4, maxTokens: options.maxTokens ?? 12 },
    dtype: options.dtype ?? 'fp32',
    training: {},
    scores: {},
    files: Object.fromEntries(names.map((name) => [name, { size: 0, sha256: '0'.repeat(64) }])),
  };
}

function onnxEncoder(options: RandomPackOptions): EncoderOf<'onnx'> {
  return {
    kind: 'onnx',
    architecture: 'average-pool',
    file: 'encoder.onnx',
    embeddingWidth: options.embeddingWidth ?? 12,
    normalize: options.normalize ?? false,
    image: { ...smallImages, size: options.imageSize ?? 16 },
  };
}

/** How images are prepared for random encoders: 32 px for those that are built from a pack's weights. */
export const smallImages = {
  size: 32,
  resize: 'shortest-edge',
  resampling: 'bicubic',
  crop: 'center',
  mean: [0.5, 0.5, 0.5],
  std: [0.25, 0.25, 0.25],
} satisfies PackManifest['encoder']['image'];

/** `pixel_values [N,3,H,W]` → `image_embeds [N,d]`, `class_logits [N,1000]`, from the mean colour alone. */
function pooledEncoder({ embeddingWidth, image }: EncoderOf<'onnx'>, random: () => number): Uint8Array {
  const graph = new GraphBuilder();
  const pixels = graph.input('pixel_values', 'float32', ['N', 3, image.size, image.size]);
  const colour = graph.node('Flatten', [graph.node('GlobalAveragePool', [pixels])], { axis: 1 });
  const project = (outputs: number): string => {
    const matrix = graph.floats(Array.from({ length: 3 * outputs }, random), [3, outputs]);
    const bias = graph.floats(Array.from({ length: outputs }, random));
    return graph.node('Gemm', [colour, matrix, bias]);
  };
  graph.output('image_embeds', project(embeddingWidth), 'float32', ['N', embeddingWidth]);
  graph.output('class_logits', project(1000), 'float32', ['N', 1000]);
  return graph.build('encoder');
}

function randomTensors(
  expected: ExpectedTensors,
  random: () => number,
  valuesOf?: RandomPackOptions['valuesOf'],
): Map<string, TensorValues> {
  const tensors = new Map<string, TensorValues>();
  for (const [name, { shape }] of expected) {
    if (valuesOf) {
      tensors.set(name, { shape, values: valuesOf(name, shape) });
      continue;
    }
    const length = shape.reduce((product, size) => product * size, 1);
    // Normalisations centre on 1; matrices keep the scale of what flows through them.
    const centre = /ln_.*weight$/.test(name) ? 1 : 0;
    const spread = shape.length === 2 ? 1 / Math.sqrt(shape[1]!) : 0.2;
    tensors.set(name, { shape, values: Float32Array.from({ length }, () => centre + spread * random()) });
  }
  return tensors;
}

function rowNorms({ shape, values }: TensorValues): TensorValues {
  const [rows = 0, width = 0] = shape;
  const norm = (row: number): number => Math.hypot(...values.subarray(row * width, (row + 1) * width));
  return { shape: [rows], values: Float32Array.from({ length: rows }, (_, row) => norm(row)) };
}

/** Standard normal numbers: mulberry32 and Box–Muller, so that a pack is the same on every machine. */
export function gaussian(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
