/**
 * Opens a model pack: a folder holding a manifest, weights, statistics, a tokenizer and, unless it is built from the
 * weights, an encoder. What this returns has
 * been verified (files by hash, tensors by shape), so the graph builders need not check again.
 */
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';
import { NoSmallFile, readSmallFile } from '../readSmallFile.js';
import { manifestRemedy, packFiles, parseManifest, type PackManifest } from './manifest.js';
import { readSafetensors, type Safetensors } from './safetensors.js';
import { checkTensors } from './checkTensors.js';
import { labelsOf } from './encoderManifest.js';
import { labelTensors, statisticsTensors, weightTensors } from './tensors.js';
import { locateFile, verifyFile } from './verifyFile.js';

export interface Pack {
  /** Absolute, links resolved. */
  readonly folder: string;
  readonly manifest: PackManifest;
  readonly weights: Safetensors;
  readonly statistics: Safetensors;
  /** CLIP's label embeddings, if it has some. */
  readonly labels: Safetensors | undefined;
  /** Absolute paths of the files that are read whole; the encoder's only if it is one. */
  readonly encoder: string | undefined;
  readonly tokenizer: string;
}

const maxManifestBytes = 2 ** 20;

/**
 * @throws CaptionError `pack-missing`, `pack-invalid`, `pack-newer`, `pack-file-missing`, `pack-file-changed` or
 * `pack-tensor-mismatch`
 */
export function openPack(path: string): Promise<Pack> {
  return openPackAndMake(
    path,
    (pack) => Promise.resolve(pack),
    () => Promise.resolve(),
  );
}

/**
 * Makes something of a pack while its weights are still being hashed, and gives it away when the hash is right.
 * @param make must not compute with the weights yet; all other files are verified
 * @param discard gets what was made of a pack that is not what its manifest describes
 * @throws CaptionError as {@link openPack}, and what `make` throws
 */
export async function openPackAndMake<Made>(
  path: string,
  make: (pack: Pack) => Promise<Made>,
  discard: (made: Made) => Promise<void>,
): Promise<Made> {
  const folder = await realpath(path).catch(async (cause: unknown) => {
    const message = forbidden(path, cause) ?? `There is no model pack at ${path}. ${await remedyFor(path)}`;
    throw new CaptionError('pack-missing', message, { cause });
  });
  const manifest = await readManifest(folder);
  const files = new Map<string, string>();
  for (const [name, expected] of Object.entries(manifest.files)) {
    files.set(name, await locateFile(folder, name, expected));
  }
  const verify = (name: string): Promise<void> => verifyFile(files.get(name)!, manifest.files[name]!);
  for (const name of files.keys()) if (name !== packFiles.weights) await verify(name);
  const [verified, made] = await Promise.allSettled([
    verify(packFiles.weights),
    describe(folder, manifest, files).then(make),
  ]);
  // What is wrong with a changed file is that it was changed, whatever else follows from that.
  if (verified.status === 'rejected') {
    if (made.status === 'fulfilled') await discard(made.value);
    throw verified.reason;
  }
  if (made.status === 'rejected') throw made.reason;
  return made.value;
}

/** What to say of a file or folder that is closed to this user. */
function forbidden(path: string, cause: unknown): string | undefined {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  if (code !== 'EACCES' && code !== 'EPERM') return undefined;
  return `${path} may not be read by you. Change its permissions, or those of a folder above it.`;
}

/** What to do about a path that leads nowhere: who names a model that can be downloaded may take it for a pack. */
async function remedyFor(path: string): Promise<string> {
  // Loaded only here: every start of a process would wait for it.
  const { modelNamedBy } = await import('../registry/registry.js');
  const model = modelNamedBy(path);
  if (!model) return 'Check the folder; the model that ships is called builtin.';
  return (
    `${model.id} is a model that a pack can be made of: get it, then import it, then name the folder of its pack ` +
    '(in VS Code “ClipCap: Get a Model…” and “ClipCap: Import Checkpoint…”, elsewhere clipcap get and clipcap import).'
  );
}

/** @param files paths of the pack's files by their names */
async function describe(folder: string, manifest: PackManifest, files: ReadonlyMap<string, string>): Promise<Pack> {
  // parseManifest made sure that these are listed.
  const [weightsFile, statisticsFile, tokenizer] = [
    files.get(packFiles.weights)!,
    files.get(packFiles.statistics)!,
    files.get(packFiles.tokenizer)!,
  ];
  const encoder = manifest.encoder.kind === 'onnx' ? files.get(manifest.encoder.file)! : undefined;
  const [weights, statistics] = await Promise.all([readSafetensors(weightsFile), readSafetensors(statisticsFile)]);
  checkTensors(weights, weightTensors(manifest));
  const hasReference = statistics.tensors.has('prefix_mean') || statistics.tensors.has('prefix_covariance');
  checkTensors(statistics, statisticsTensors(manifest, hasReference));
  const described = labelsOf(manifest.encoder);
  const labels = described && (await readSafetensors(files.get(described.file)!));
  if (labels) checkTensors(labels, labelTensors(described, manifest.encoder.embeddingWidth));
  return { folder, manifest, weights, statistics, labels, encoder, tokenizer };
}

/** The manifest of a pack of which nothing else is wanted. @throws as {@link openPack} of it */
export async function readManifest(folder: string): Promise<PackManifest> {
  const path = join(folder, packFiles.manifest);
  const json = await readSmallFile(path, maxManifestBytes).catch((cause: unknown) => {
    if (cause instanceof NoSmallFile) {
      const message = `${path} ${cause.message}. ${manifestRemedy}`;
      throw new CaptionError('pack-invalid', message, { cause });
    }
    const message =
      forbidden(path, cause) ??
      `${folder} is not a model pack: it has no readable pack.json. Check the model’s folder.`;
    throw new CaptionError('pack-missing', message, { cause });
  });
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new CaptionError('pack-invalid', `${path} is not JSON. ${manifestRemedy}`, { cause });
  }
  return parseManifest(value, path);
}
