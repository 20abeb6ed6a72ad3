/**
 * Writes a pack of the official sizes (CLIP ViT-B/32, MLP with K=10, GPT-2 small) with random weights, in the memory of a
 * few rows: what speed and memory are measured with where the real weights cannot be had.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { blockBytes, blocksOf, quantiseBlocks } from '@clipcap/models/pack/blockQuantisation';
import { packFiles, type PackDType, type PackManifest } from '@clipcap/models/pack/manifest';
import type { ExpectedTensor, ExpectedTensors } from '@clipcap/models/pack/tensorList';
import { statisticsTensors, storageOf, weightTensors } from '@clipcap/models/pack/tensors';
import { byteLevelTokenizer } from '../byteLevelTokenizer.js';
import { describeFiles, gaussian } from '../randomPack.js';

type WrittenDType = Exclude<PackDType, 'mixed'>;

/** Writes the pack into `folder`: 976 MB in fp32. */
export async function writeFullSizePack(folder: string, dtype: WrittenDType): Promise<PackManifest> {
  const draft = manifestOf(dtype);
  await mkdir(folder, { recursive: true });
  await writeTensors(join(folder, packFiles.weights), weightTensors(draft), dtype);
  await writeTensors(join(folder, packFiles.statistics), statisticsTensors(draft), 'fp32');
  const { vocabulary } = draft.languageModel;
  await writeFile(join(folder, packFiles.tokenizer), JSON.stringify(byteLevelTokenizer(vocabulary)));
  await writeFile(join(folder, draft.licence.file), 'CC0-1.0: random numbers.\n');
  return describeFiles(folder, draft);
}

function manifestOf(dtype: WrittenDType): PackManifest {
  const names = [packFiles.weights, packFiles.statistics, packFiles.tokenizer, 'LICENCE.txt'];
  return {
    schema: 1,
    id: `full-size-${dtype}`,
    title: 'Official sizes, random weights',
    licence: { name: 'CC0-1.0', file: 'LICENCE.txt', notice: 'Random numbers, free for any use.' },
    source: 'made by the benchmark',
    encoder: {
      kind: 'clip-vit',
      embeddingWidth: 512,
      normalize: false,
      image: {
        size: 224,
        resize: 'shortest-edge',
        resampling: 'bicubic',
        crop: 'center',
        mean: [0.48145466, 0.4578275, 0.40821073],
        std: [0.26862954, 0.26130258, 0.27577711],
      },
      width: 768,
      layers: 12,
      heads: 12,
      patchSize: 32,
      activation: 'quick-gelu',
    },
    mapper: { kind: 'mlp', prefixLength: 10, hiddenWidth: 3840 },
    languageModel: {
      architecture: 'gpt2',
      width: 768,
      layers: 12,
      heads: 12,
      vocabulary: 50257,
      context: 1024,
      stopTokens: [13],
      tiedHead: true,
      tuned: true,
    },
    decoding: { strategy: 'greedy', beams: 5, maxTokens: 67 },
    dtype,
    training: {},
    scores: {},
    files: Object.fromEntries(names.map((name) => [name, { size: 0, sha256: '0'.repeat(64) }])),
  };
}

interface Stored {
  readonly dtype: 'F32' | 'F16' | 'U8';
  readonly shape: readonly number[];
  readonly bytes: number;
}

const elementBytes = { F32: 4, F16: 2, U8: 1 } as const;

/** A tensor's own entry and, for blocks, that of its scales. */
function entriesOf(name: string, { shape, use }: ExpectedTensor, dtype: WrittenDType): [string, Stored][] {
  const storage = storageOf(use, dtype);
  const entry = (own: string, type: Stored['dtype'], dimensions: readonly number[]): [string, Stored] => {
    const bytes = dimensions.reduce((product, size) => product * size, elementBytes[type]);
    return [own, { dtype: type, shape: dimensions, bytes }];
  };
  if (storage === 'F32' || storage === 'F16') return [entry(name, storage, shape)];
  const [rows = 0, columns = 0] = use === 'conv1d' ? shape.toReversed() : shape;
  const blocks = [rows, blocksOf(columns)];
  return [entry(name, 'U8', [...blocks, blockBytes(storage === 'q8' ? 8 : 4)]), entry(`${name}.scale`, 'F32', blocks)];
}

async function writeTensors(path: string, expected: ExpectedTensors, dtype: WrittenDType): Promise<void> {
  const header: Record<string, object> = {};
  let end = 0;
  for (const [name, tensor] of expected) {
    for (const [entry, { bytes, ...described }] of entriesOf(name, tensor, dtype)) {
      header[entry] = { ...described, data_offsets: [end, end + bytes] };
      end += bytes;
    }
  }
  const json = Buffer.from(JSON.stringify(header).padEnd(Math.ceil(JSON.stringify(header).length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const file = await open(path, 'w');
  try {
    await file.write(length);
    await file.write(json);
    for (const [name, tensor] of expected) await writeTensor(file, name, tensor, dtype);
  } finally {
    await file.close();
  }
}

/** Standard normal numbers, drawn once: a pack has 240 million weights, and each tensor begins at a place of its own. */
const pool = Float32Array.from({ length: 2 ** 20 }, gaussian(1));

/**
 * Normalisations keep their scale, everything else that of what flows through it. No two tensors may be equal: ONNX
 * Runtime keeps equal constants once, and a model of equal layers would be measured as one of fewer.
 */
function valuesOf(name: string, { shape }: ExpectedTensor): (length: number) => Float32Array {
  const isGain = /ln_\w+\.weight$/.test(name);
  const spread = shape.length === 1 ? 0.02 : 1 / Math.sqrt(shape.at(-1)!);
  const values = pool.map((value) => (isGain ? 1 : 0) + spread * value);
  let at = createHash('sha256').update(name).digest().readUInt32LE() % values.length;
  return (length) => {
    at = (at + 104_729) % (values.length - length);
    return values.subarray(at, at + length);
  };
}

async function writeTensor(file: FileHandle, name: string, tensor: ExpectedTensor, dtype: WrittenDType): Promise<void> {
  const storage = storageOf(tensor.use, dtype);
  const count = tensor.shape.reduce((product, size) => product * size, 1);
  const next = valuesOf(name, tensor);
  const columns =
    storage === 'q8' || storage === 'q4' ? (tensor.use === 'conv1d' ? tensor.shape[0]! : tensor.shape[1]!) : 1;
  const chunk = Math.floor(2 ** 18 / columns) * columns;
  const scales: Float32Array[] = [];
  for (let done = 0; done < count; done += chunk) {
    const values = next(Math.min(chunk, count - done));
    if (storage === 'F32') await file.write(bytesOf(values));
    else if (storage === 'F16') await file.write(bytesOf(Uint16Array.from(values, half)));
    else {
      const quantised = quantiseBlocks(values, columns, storage === 'q8' ? 8 : 4);
      await file.write(quantised.packed);
      scales.push(quantised.scales);
    }
  }
  for (const values of scales) await file.write(bytesOf(values));
}

/** Truncated; magnitudes below 2^-14 become zero. */
function half(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  return ((bits >>> 16) & 0x8000) | (exponent <= 0 ? 0 : (exponent << 10) | ((bits >>> 13) & 0x3ff));
}

function bytesOf(array: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
