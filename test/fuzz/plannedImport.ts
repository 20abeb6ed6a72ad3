/**
 * Imports that are planned with one broken file: a configuration, a tokenizer, or what a checkpoint says of its tensors.
 * An input is the number of the file in one byte, and then the file.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readZip } from '@clipcap/models/checkpoints/zip';
import { planImport } from '@clipcap/models/import/planImport';
import { weightsFile } from '@clipcap/models/import/weightsFile';
import { weightTensors } from '@clipcap/models/pack/tensors';
import { asSafetensors } from '../importPlan.js';
import { readJson } from '../json.js';
import { fixture } from '../root.js';
import { memoryFile } from './memoryFile.js';
import { mutate } from './mutate.js';
import type { Random } from './random.js';
import type { FuzzedReader } from './readers.js';
import { storedZip } from './storedZip.js';

type Request = Omit<Parameters<typeof planImport>[0], 'dtype' | 'id' | 'classNames'>;

interface Breakable {
  /** Its path in the folder of copies. */
  readonly name: string;
  readonly request: Request;
  readonly seed: Buffer;
  make(random: Random): Buffer;
}

/** What the files are made of. */
interface Words {
  readonly json: readonly Buffer[];
  readonly pickle: readonly Buffer[];
}

const gpt2Config = {
  n_head: 1,
  n_layer: 2,
  n_embd: 64,
  activation_function: 'gelu_new',
  layer_norm_epsilon: 1e-5,
  scale_attn_weights: true,
};

const lines = ['\n', ': ', '  ', '- ', '&a ', '*a', '<<: ', '{', '[', '"', '#', '\t', '!!', '|', '>', '1e99', 'Ġ'].map(
  (word) => Buffer.from(word),
);

export async function plannedImport(words: Words): Promise<FuzzedReader> {
  const folder = mkdtempSync(join(tmpdir(), 'clipcap-fuzz-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const place = (name: string): string => join(folder, name);
  for (const name of ['tokenizer.json', 'theocoombes', 'clip-hf', 'vit-hf', 'dinov2-hf']) {
    cpSync(fixture(`import/${name}`), place(name), { recursive: true });
  }
  // They take one read to find, instead of one for each record of an archive.
  for (const name of ['mlp', 'wrapped', 'theocoombes/model']) {
    await writeFile(place(`${name}.safetensors`), await asSafetensors(fixture(`import/${name}.pt`)));
  }
  for (const name of ['text', 'older']) cpSync(fixture('clipText/hf'), place(name), { recursive: true });
  rmSync(place('older/tokenizer.json'));
  const { model } = await readJson<{ model: { vocab: object; merges: readonly (readonly string[])[] } }>(
    place('text/tokenizer.json'),
  );
  const vocabulary = Buffer.from(JSON.stringify(model.vocab));
  const merges = Buffer.from(model.merges.map((pair) => pair.join(' ')).join('\n'));
  await writeFile(place('older/vocab.json'), vocabulary);
  await writeFile(place('older/merges.txt'), merges);

  const usual = { checkpoint: place('mlp.safetensors'), encoder: place('clip-hf') };
  const theirs = { checkpoint: place('theocoombes/model.safetensors'), encoder: place('vit-hf') };
  const dinov2 = { checkpoint: place('wrapped.safetensors'), encoder: place('dinov2-hf') };
  const text = { ...usual, encoder: place('text') };
  const older = { ...usual, encoder: place('older') };
  const breakable = (name: string, request: Request, dictionary = words.json, seed = readFileSync(place(name))) => ({
    name,
    request,
    seed,
    make: (random: Random): Buffer => mutate(seed, random, dictionary, [seed]),
  });
  const files: readonly Breakable[] = [
    breakable(
      'gpt2.json',
      { ...usual, gpt2Config: place('gpt2.json') },
      words.json,
      Buffer.from(JSON.stringify(gpt2Config)),
    ),
    breakable(
      'told.json',
      { ...usual, tokenizer: place('told.json') },
      words.json,
      readFileSync(place('tokenizer.json')),
    ),
    breakable('theocoombes/model_config.yaml', theirs, lines),
    breakable('vit-hf/config.json', theirs),
    breakable('vit-hf/preprocessor_config.json', theirs),
    breakable('dinov2-hf/preprocessor_config.json', dinov2),
    breakable('text/config.json', text),
    breakable('text/tokenizer.json', text),
    breakable('older/vocab.json', older, words.json, vocabulary),
    breakable('older/merges.txt', older, lines, merges),
    await brokenCheckpoint(
      'broken.pt',
      { ...usual, checkpoint: place('broken.pt') },
      readFileSync(fixture('import/mlp.pt')),
      words.pickle,
    ),
  ];
  return {
    name: 'import',
    make(random) {
      const index = random.below(files.length);
      return Buffer.concat([Buffer.from([index]), files[index]!.make(random)]);
    },
    async read(file) {
      const input = await file.read(0, file.size);
      const { name, request, seed } = files[(input[0] ?? 0) % files.length]!;
      await writeFile(place(name), input.subarray(1));
      try {
        const plan = await planImport({ ...request, dtype: 'q8', id: 'pack', classNames: [] });
        await plan.close();
        const { manifest, sources, pathOf } = plan;
        const ignored = { name: '', seen: () => undefined };
        const weights = weightsFile(weightTensors(manifest), sources, 'q8', ignored, pathOf);
        assert.ok(Number.isSafeInteger(weights.size));
      } finally {
        // Others are planned with it too.
        await writeFile(place(name), seed);
      }
    },
  };
}

/** A checkpoint with a broken pickle in a sound archive. */
async function brokenCheckpoint(
  name: string,
  request: Request,
  archive: Buffer,
  words: readonly Buffer[],
): Promise<Breakable> {
  const records = [...(await readZip(memoryFile(archive)))].map(
    ([record, { offset, length }]) => [record, archive.subarray(offset, offset + length)] as const,
  );
  const pickles = records.filter(([record]) => record.endsWith('/data.pkl')).map(([, bytes]) => bytes);
  return {
    name,
    request,
    seed: archive,
    make: (random) =>
      storedZip(
        records.map(([record, bytes]) => [
          record,
          pickles.includes(bytes) ? mutate(bytes, random, words, pickles) : bytes,
        ]),
      ),
  };
}
