/** Writes an imported pack: into a folder beside its place, then renamed, so that there is a whole pack or none. */
import { constants } from 'node:fs';
import { mkdir, open, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Finding } from '@clipcap/protocol/import';
import { packFiles, parseManifest, type PackManifest } from '../pack/manifest.js';
import { weightTensors } from '../pack/tensors.js';
import type { ExpectedFile } from '../pack/verifyFile.js';
import { throwIfCancelled, unwritable, writeHashed } from './hashedFile.js';
import { clearLeftovers, makeStaging, mayBeReplaced, put, removeEmpty } from './packPlace.js';
import { licenceFile, type ImportPlan } from './planImport.js';
import { statisticsBytes, type PrefixStatistics } from './statistics.js';
import { withLabels } from './text/planLabels.js';
import { writeLabels, type EmbedTexts } from './text/writeLabels.js';
import { VocabularyNorms } from './vocabularyNorms.js';
import { weightsFile } from './weightsFile.js';

interface WriteOptions {
  /** Where the pack goes: a folder that does not exist, is empty, or is a pack. */
  readonly out: string;
  readonly signal: AbortSignal;
  /** Told how much is written. */
  readonly progress: (done: number, total: number) => void;
  readonly embed: EmbedTexts;
  /**
   * Looks at the pack before it takes its place.
   * @returns statistics over reference images, if there are any
   * @throws what must keep the pack from being there
   */
  readonly check?: (folder: string, manifest: PackManifest) => Promise<PrefixStatistics | undefined>;
}

export interface WrittenPack {
  readonly manifest: PackManifest;
  /** Those of the plan, and what became of the labels. */
  readonly findings: readonly Finding[];
}

/**
 * @throws CaptionError `pack-unwritable`, `usage` for a folder that is no pack, `cancelled`, what reading throws
 */
export async function writePack(plan: ImportPlan, options: WriteOptions): Promise<WrittenPack> {
  const { out, signal, check } = options;
  await clearLeftovers(out);
  const replaced = await mayBeReplaced(out);
  const parent = dirname(out);
  const made = await mkdir(parent, { recursive: true }).catch((cause: unknown) => {
    throw unwritable(out, cause);
  });
  let staging: string | undefined;
  try {
    staging = await makeStaging(out);
    const written = await writeFiles(plan, staging, options);
    let { manifest } = written;
    const statistics = await check?.(staging, manifest);
    if (statistics) {
      await rm(join(staging, packFiles.statistics));
      const bytes = statisticsBytes(manifest, written.norms, statistics);
      const file = await writeHashed(join(staging, packFiles.statistics), [bytes], signal);
      await rm(join(staging, packFiles.manifest));
      manifest = await writeManifest(
        staging,
        { ...manifest, files: { ...manifest.files, [packFiles.statistics]: file } },
        signal,
      );
    }
    throwIfCancelled(signal);
    await put(staging, out, replaced);
    return { manifest, findings: written.findings };
  } catch (error) {
    if (staging !== undefined) await rm(staging, { recursive: true, force: true });
    if (made !== undefined) await removeEmpty(parent, made);
    throw error;
  }
}

async function writeFiles(
  plan: ImportPlan,
  staging: string,
  { signal, progress, embed }: WriteOptions,
): Promise<WrittenPack & { norms: Float32Array }> {
  const { encoderFile, tokenizer, sources, pathOf, labels } = plan;
  const draft: PackManifest = { ...plan.manifest, files: {} };
  const { width, vocabulary } = draft.languageModel;
  const dtype = draft.dtype === 'mixed' ? 'fp32' : draft.dtype;
  const norms = new VocabularyNorms(vocabulary, width);
  const watched = { name: 'gpt.transformer.wte.weight', seen: (rows: Float32Array) => norms.add(rows) };
  const weights = weightsFile(weightTensors(draft), sources, dtype, watched, pathOf);
  const encoderSize = encoderFile === undefined ? 0 : (await stat(encoderFile)).size;
  const failure = new AbortController();
  const eitherEnd = AbortSignal.any([signal, failure.signal]);
  let done = 0;
  const write = async (
    name: string,
    pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<[string, ExpectedFile]> => {
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      for await (const piece of pieces) {
        yield piece;
        done += piece.length;
        progress(Math.min(done, weights.size + encoderSize), weights.size + encoderSize);
      }
    };
    return [name, await writeHashed(join(staging, name), counted(), eitherEnd)];
  };
  const files: [string, ExpectedFile][] = [];
  const writeAll = async (): Promise<void> => {
    files.push(await write(packFiles.weights, weights.pieces()));
    if (encoderFile !== undefined && draft.encoder.kind === 'onnx') {
      files.push(await write(draft.encoder.file, readPieces(encoderFile)));
    }
    files.push(await write(packFiles.tokenizer, [Buffer.from(tokenizer.json)]));
    files.push(await write(packFiles.statistics, [statisticsBytes(draft, norms.values)]));
    files.push(await write(licenceFile, [Buffer.from(`${draft.licence.notice}\n\n${draft.source}\n`)]));
  };
  // Labels are embedded by another process meanwhile. Whichever fails stops the other: nothing is written after this ends.
  const work = [writeAll(), ...(labels ? [writeLabels(labels, staging, embed, eitherEnd)] : [])] as const;
  const [, labelled] = await Promise.all(work).catch(async (cause: unknown) => {
    failure.abort();
    await Promise.allSettled(work);
    throw cause;
  });
  if (labelled?.file) files.push(labelled.file);
  const encoder = withLabels(draft.encoder, labelled?.file && labels?.manifest);
  const manifest = await writeManifest(staging, { ...draft, encoder, files: Object.fromEntries(files) }, signal);
  return { manifest, findings: [...plan.findings, ...(labelled?.findings ?? [])], norms: norms.values };
}

async function writeManifest(folder: string, manifest: PackManifest, signal: AbortSignal): Promise<PackManifest> {
  const path = join(folder, packFiles.manifest);
  const checked = parseManifest(manifest, path);
  await writeHashed(path, [Buffer.from(`${JSON.stringify(checked, null, 2)}\n`)], signal);
  return checked;
}

async function* readPieces(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path, constants.O_RDONLY);
  try {
    yield* file.createReadStream({ highWaterMark: 2 ** 22, autoClose: false });
  } finally {
    await file.close();
  }
}
