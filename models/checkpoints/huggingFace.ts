/**
 * A model's folder in Hugging Face's layout: `config.json`, and the weights in one file or in shards that an index lists.
 * Safetensors are preferred where both forms are there.
 */
import { realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as z from 'zod/mini';
import { checkpointOf, type Checkpoint } from './checkpoint.js';
import { CheckpointFile } from './checkpointFile.js';
import { invalid, quoted, unsupported } from './errors.js';
import { readTensors } from './readTensors.js';
import type { TensorView } from './tensorView.js';

const weightFiles = ['model.safetensors', 'pytorch_model.bin'] as const;
const maxConfigBytes = 2 ** 20;
export const maxIndexBytes = 2 ** 21;
const maxShards = 256;
/** Honest files stay below 10. */
const maxDepth = 64;

const index = z.object({
  weight_map: z.record(
    z.string(),
    // Shards are siblings of their index: no checkpoint reaches outside of its folder.
    z.string().check(z.regex(/^(?!\.{1,2}$)[^/\\:\0]{1,255}$/u, 'must be the plain name of a file in the folder')),
  ),
});

/**
 * @param folder absolute, links resolved
 * @throws CaptionError `checkpoint-missing`, `checkpoint-invalid` or `checkpoint-unsupported`
 */
export async function openHuggingFace(folder: string): Promise<Checkpoint> {
  const files: CheckpointFile[] = [];
  const openSibling = async (name: string): Promise<CheckpointFile> => {
    const file = await CheckpointFile.open(await resolveInside(folder, name));
    files.push(file);
    return file;
  };
  try {
    const config = (await isThere(folder, 'config.json'))
      ? await readJson(await openSibling('config.json'), maxConfigBytes)
      : undefined;
    const tensors = await openWeights(folder, openSibling);
    return checkpointOf({
      format: 'huggingface',
      path: folder,
      tensors,
      files,
      ...(config !== undefined && { config }),
    });
  } catch (error) {
    await Promise.all(files.map((file) => file.close()));
    throw error;
  }
}

async function openWeights(
  folder: string,
  openSibling: (name: string) => Promise<CheckpointFile>,
): Promise<ReadonlyMap<string, TensorView>> {
  for (const name of weightFiles) {
    if (await isThere(folder, name)) return (await readTensors(await openSibling(name))).tensors;
    const indexName = `${name}.index.json`;
    if (await isThere(folder, indexName)) return openShards(await openSibling(indexName), openSibling);
  }
  throw unsupported(
    folder,
    `has none of ${weightFiles.map((name) => `${name}, ${name}.index.json`).join(', ')}`,
    'Name a folder with a model of PyTorch in Hugging Face’s layout, or the file of weights itself.',
  );
}

async function openShards(
  indexFile: CheckpointFile,
  openSibling: (name: string) => Promise<CheckpointFile>,
): Promise<ReadonlyMap<string, TensorView>> {
  const shards = new Map<string, ReadonlyMap<string, TensorView>>();
  const tensors = new Map<string, TensorView>();
  for (const [tensor, name] of await readIndex(indexFile)) {
    let shard = shards.get(name);
    if (!shard) shards.set(name, (shard = (await readTensors(await openSibling(name))).tensors));
    const view = shard.get(tensor);
    if (!view) throw invalid(indexFile.path, `${name} does not have the tensor ${quoted(tensor)}`);
    tensors.set(tensor, view);
  }
  return tensors;
}

/**
 * Which shard, a plain file name, holds each tensor.
 * @throws CaptionError `checkpoint-invalid`
 */
export async function readIndex(file: CheckpointFile): Promise<ReadonlyMap<string, string>> {
  return indexOf(await readJson(file, maxIndexBytes), file.path);
}

/**
 * The same of an index that is read already.
 * @param path what errors call it
 * @throws CaptionError `checkpoint-invalid`
 */
export function indexOf(value: unknown, path: string): ReadonlyMap<string, string> {
  const result = z.safeParse(index, value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw invalid(path, `${quoted(issue?.path.map(String).join('.') ?? '')}: ${issue?.message.slice(0, 200)}`);
  }
  const map = new Map(Object.entries(result.data.weight_map));
  const shards = new Set(map.values()).size;
  if (shards > maxShards) throw invalid(path, `it lists ${shards} files, at most ${maxShards} are read`);
  if (map.size === 0) throw invalid(path, 'it lists no tensors');
  return map;
}

/** @throws CaptionError `checkpoint-invalid` */
export async function readJson(file: CheckpointFile, limit: number): Promise<unknown> {
  if (file.size > limit) throw invalid(file.path, `it has ${file.size} bytes, at most ${limit} are read`);
  const bytes = await file.read(0, file.size);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw invalid(file.path, 'it is not JSON', cause);
  }
  if (isDeeper(value, maxDepth)) throw invalid(file.path, `it is nested more than ${maxDepth} levels deep`);
  return value;
}

/** Parsing takes any depth. What goes through a value afterwards calls itself, and would run out of stack. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((child) => isDeeper(child, levels - 1));
}

async function isThere(folder: string, name: string): Promise<boolean> {
  return realpath(join(folder, name)).then(
    () => true,
    () => false,
  );
}

/** Links may lead within the folder, or from a snapshot of the hub's cache to its blobs. */
async function resolveInside(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  const target = await realpath(path).catch(() => path);
  const blobs = basename(dirname(folder)) === 'snapshots' ? join(folder, '..', '..', 'blobs') : folder;
  if (dirname(target) === folder || dirname(target) === blobs) return target;
  throw invalid(path, 'it is a link out of its folder');
}
