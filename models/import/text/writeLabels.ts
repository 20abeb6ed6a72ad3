/** Label embeddings of a pack: CLIP's text side is written beside it for as long as it takes to run it once. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';
import type { EmbedTextsParams } from '@clipcap/protocol/inference';
import { labelEmbeds } from '../../pack/tensors.js';
import type { ExpectedFile } from '../../pack/verifyFile.js';
import { throwIfCancelled, unwritable, writeHashed } from '../hashedFile.js';
import { safetensorsBytes } from '../safetensorsBytes.js';
import type { PlannedLabels } from './planLabels.js';

/** Runs texts through CLIP's text side: [L·d], each of length 1. */
export type EmbedTexts = (params: EmbedTextsParams) => Promise<Float32Array>;

/**
 * @param folder of the pack that is being written
 * @throws CaptionError `checkpoint-invalid` for a text side that gives no numbers, `pack-unwritable`, `cancelled`, what
 * reading and `embed` throw
 */
export async function writeLabels(
  { manifest, tower, weights, tokenizer }: PlannedLabels,
  folder: string,
  embed: EmbedTexts,
  signal: AbortSignal,
): Promise<[name: string, file: ExpectedFile]> {
  const { file, names, prompt } = manifest;
  const passing = join(folder, 'text');
  await mkdir(passing).catch((cause: unknown) => {
    throw unwritable(passing, cause);
  });
  const path = join(passing, 'weights.safetensors');
  await writeFile(path, weights.pieces(), { flag: 'wx', signal }).catch((cause: unknown) => {
    throwIfCancelled(signal);
    throw unwritable(path, cause);
  });
  const texts = names.map((name) => prompt.replace('{}', () => name));
  const embeds = await embed({ tower, weights: path, tokenizer, texts });
  await rm(passing, { recursive: true });
  if (!embeds.every(Number.isFinite)) {
    const message = 'The encoder’s text side gives values that are no numbers. Download it again, or use --no-labels.';
    throw new CaptionError('checkpoint-invalid', message);
  }
  const bytes = safetensorsBytes([[labelEmbeds, [names.length, tower.embeddingWidth], embeds]]);
  return [file, await writeHashed(join(folder, file), [bytes], signal)];
}
