/** The readers that fuzzing is for: what they start from, and what it means to read a file whole. */
import { readdirSync, readFileSync } from 'node:fs';
import type { CheckpointFile } from '@clipcap/models/checkpoints/checkpointFile';
import { readIndex, readJson } from '@clipcap/models/checkpoints/huggingFace';
import { readOnnx } from '@clipcap/models/checkpoints/onnx';
import { readPickle } from '@clipcap/models/checkpoints/pickle';
import { readTensors } from '@clipcap/models/checkpoints/readTensors';
import { nameTensors } from '@clipcap/models/checkpoints/tensorNames';
import { readView } from '@clipcap/models/checkpoints/tensorView';
import { readZip } from '@clipcap/models/checkpoints/zip';
import { fixture } from '../root.js';
import { memoryFile } from './memoryFile.js';
import { mutate } from './mutate.js';
import { plannedImport } from './plannedImport.js';
import type { Random } from './random.js';
import { storedZip } from './storedZip.js';

export interface FuzzedReader {
  readonly name: string;
  /** A broken file. */
  make(random: Random): Buffer;
  /** Reads all that the file says it holds; may throw a CaptionError. */
  read(file: CheckpointFile): Promise<void>;
}

type Records = ReadonlyMap<string, Buffer>;

const folder = fixture('checkpoints');

function fixtures(pattern: RegExp): Buffer[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => pattern.test(name))
    .sort()
    .map((name) => readFileSync(`${folder}/${name}`));
}

/** Pieces of formats, in latin1 and separated by spaces. */
function words(...lines: readonly string[]): Buffer[] {
  return lines.flatMap((line) => line.split(' ')).map((word) => Buffer.from(word, 'latin1'));
}

const pickleWords = words(
  '( ) } ] . t u R Q b s l d 0 1 2 \x81 \x85 \x86 \x93 \x94 q\x00 h\x00 r\x00\x00\x00\x00 j\x00\x00\x00\x00',
  'cposix\nsystem\n c__torch__.A\nB\n ccollections\nOrderedDict\n ctorch._utils\n_rebuild_tensor_v2\n cbuiltins\nset\n',
  'ctorch\nSize\n ctorch\nFloatStorage\n X\xff\xff\xff\x7f X\x01\x00\x00\x00a J\xff\xff\xff\xff \x8b\x40\x00\x00\x00 \x8a\x08 K\x02 \x8c\x01a',
);
const zipWords = words('PK\x01\x02 PK\x03\x04 PK\x05\x06 PK\x06\x06 PK\x06\x07 ../ / \x01\x00\x18\x00');
const jsonWords = words('{ } [ ] " , : -1 1e99 null "F32" "../x" 9007199254740993 [[[[ \\u0000');
const onnxWords = words(
  '\x3a \x5a \x62 \x2a \x42 \x70\x01 \xff\xff\xff\xff\x0f \xff\xff\xff\xff\xff\xff\xff\xff\xff\x01',
);

const stateDicts = fixtures(/^[^/]*(?<!traced|scripted|legacy)\.pt$/u);
const torchScripts = fixtures(/^(?:traced|scripted)\.pt$/u);

async function recordsOf(archive: Buffer): Promise<Records> {
  const entries = await readZip(memoryFile(archive));
  return new Map([...entries].map(([name, { offset, length }]) => [name, archive.subarray(offset, offset + length)]));
}

/** Archives with a broken pickle in a sound zip, or broken anywhere. */
async function archives(name: string, seeds: readonly Buffer[]): Promise<FuzzedReader> {
  const contents = await Promise.all(seeds.map(recordsOf));
  const pickles = contents.flatMap((records) =>
    [...records].flatMap(([record, bytes]) => (isPickle(record) ? [bytes] : [])),
  );
  return {
    name,
    make(random) {
      if (random.below(4) === 0) return mutate(random.pick(seeds), random, zipWords, seeds);
      const records = [...random.pick(contents)];
      const broken = (record: string, bytes: Buffer): Buffer =>
        isPickle(record) ? mutate(bytes, random, pickleWords, pickles) : bytes;
      return storedZip(records.map(([record, bytes]) => [record, broken(record, bytes)]));
    },
    read: readAll,
  };
}

function isPickle(record: string): boolean {
  return record.endsWith('/data.pkl');
}

async function readAll(file: CheckpointFile): Promise<void> {
  const { tensors } = await readTensors(file);
  for (const [name, view] of tensors) {
    for await (const piece of readView(name, view)) if (piece.length === 0) throw new Error('an empty piece');
  }
}

/** Every reader of checkpoints, and what an import makes of what they read. */
export async function fuzzedReaders(): Promise<readonly FuzzedReader[]> {
  const pickles = (await Promise.all([...stateDicts, ...torchScripts].map(recordsOf))).flatMap((records) =>
    [...records].flatMap(([name, bytes]) => (isPickle(name) ? [bytes] : [])),
  );
  const zips = [...stateDicts, ...torchScripts, storedZip(await recordsOf(stateDicts[0]!), { zip64: true })];
  const safetensors = fixtures(/\.safetensors$/u);
  const json = fixtures(/(?:config|index)\.json$/u);
  const onnx = fixtures(/\.onnx$/u);
  return [
    {
      name: 'zip',
      make: (random) => mutate(random.pick(zips), random, zipWords, zips),
      read: async (file) => void (await readZip(file)),
    },
    {
      name: 'pickle',
      make: (random) => mutate(random.pick(pickles), random, pickleWords, pickles),
      async read(file) {
        nameTensors(readPickle(await file.read(0, file.size), file.path), file.size, file.path);
      },
    },
    await archives('state dict', stateDicts),
    await archives('TorchScript', torchScripts),
    {
      name: 'safetensors',
      make(random) {
        const seed = random.pick(safetensors);
        if (random.below(4) === 0) return mutate(seed, random, jsonWords, safetensors);
        const end = 8 + Number(seed.readBigUInt64LE());
        const header = mutate(seed.subarray(8, end), random, jsonWords, json);
        const length = Buffer.alloc(8);
        length.writeBigUInt64LE(BigInt(header.length));
        return Buffer.concat([length, header, seed.subarray(end)]);
      },
      read: readAll,
    },
    {
      name: 'Hugging Face index and configuration',
      make: (random) => mutate(random.pick(json), random, jsonWords, json),
      async read(file) {
        await readJson(file, 2 ** 20);
        await readIndex(file);
      },
    },
    {
      name: 'ONNX',
      make: (random) => mutate(random.pick(onnx), random, onnxWords, onnx),
      read: async (file) => void (await readOnnx(file)),
    },
    await plannedImport({ json: jsonWords, pickle: pickleWords }),
  ];
}
