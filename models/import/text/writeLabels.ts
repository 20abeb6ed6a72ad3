/** Label embeddings of a pack: CLIP's text side is written beside it for as long as it takes to run it once. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';
import type { Finding } from '@clipcap/protocol/import';
import type { EmbedTextsParams } from '@clipcap/protocol/inference';
import { labelEmbeds } from '../../pack/tensors.js';
import type { ExpectedFile } from '../../pack/verifyFile.js';
import { throwIfCancelled, unwritable, writeHashed } from '../hashedFile.js';
import { safetensorsBytes } from '../safetensorsBytes.js';
import { withoutLabels, type PlannedLabels } from './planLabels.js';

/** Runs texts through CLIP's text side: [L·d], each of length 1. */
export type EmbedTexts = (params: EmbedTextsParams, signal: AbortSignal) => Promise<Float32Array>;

interface WrittenLabels {
  /** Absent if something stood in the way of labels that were not asked for. */
  readonly file?: [name: string, file: ExpectedFile];
  readonly findings: readonly Finding[];
}

/**
 * @param folder of the pack that is being written
 * @throws CaptionError `cancelled`; for labels that were asked for also `checkpoint-invalid` for a text side that holds or
 * gives no numbers, `pack-unwritable`, what reading and `embed` throw
 */
export async function writeLabels(
  planned: PlannedLabels,
  folder: string,
  embed: EmbedTexts,
  signal: AbortSignal,
): Promise<WrittenLabels> {
  const { file } = planned.manifest;
  const passing = join(folder, 'text');
  try {
    const embeds = await runTextSide(planned, passing, embed, signal);
    const { names } = planned.manifest;
    const bytes = safetensorsBytes([[labelEmbeds, [names.length, planned.tower.embeddingWidth], embeds]]);
    return { file: [file, await writeHashed(join(folder, file), [bytes], signal)], findings: planned.findings };
  } catch (error) {
    throwIfCancelled(signal);
    const findings = [withoutLabels(error, planned.asked)];
    await rm(join(folder, file), { force: true });
    return { findings };
  } finally {
    await rm(passing, { recursive: true, force: true });
  }
}

/** @param folder for the weights, which the process that runs them reads */
async function runTextSide(
  { manifest: { names, prompt }, tower, weights, tokenizer }: PlannedLabels,
  folder: string,
  embed: EmbedTexts,
  signal: AbortSignal,
): Promise<Float32Array> {
  await mkdir(folder).catch((cause: unknown) => {
    throw unwritable(folder, cause);
  });
  const path = join(folder, 'weights.safetensors');
  await writeFile(path, weights.pieces(), { flag: 'wx', signal }).catch((cause: unknown) => {
    throwIfCancelled(signal);
    throw unwritable(path, cause);
  });
  const texts = names.map((name) => prompt.replace('{}', () => name));
  const embeds = await embed({ tower, weights: path, tokenizer, texts }, signal);
  if (!embeds.every(Number.isFinite)) {
    const message = 'The encoder’s text side gives values that are no numbers. Download it again.';
    throw new CaptionError('checkpoint-invalid', message);
  }
  return embeds;
}
