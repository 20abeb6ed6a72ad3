/** The tokenizer of an imported model: GPT-2's, which checkpoints do not carry, or one that lies beside the checkpoint. */
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as z from 'zod/mini';
import { CheckpointFile } from '../checkpoints/checkpointFile.js';
import { invalid } from '../checkpoints/errors.js';
import { readJson } from '../checkpoints/huggingFace.js';
import { gpt2TokenizerJson } from '../tokenizer/gpt2.js';
import { mismatch, undecided } from './errors.js';
import { placesOf } from './places.js';

export interface PackTokenizer {
  /** The text of the pack's `tokenizer.json`. */
  readonly json: string;
  /** The id of ".", which ends captions. */
  readonly stopToken: number;
  readonly description: string;
  readonly from: 'assumed' | 'config' | 'told';
}

/** Those of the largest vocabularies stay below. */
const maxBytes = 64 * 2 ** 20;
const gpt2Vocabulary = 50_257;
const gpt2StopToken = 13;

const byteLevel = z.object({
  decoder: z.object({ type: z.literal('ByteLevel') }),
  model: z.object({ vocab: z.record(z.string(), z.int().check(z.nonnegative())) }),
});

/**
 * @param named the file that was asked for
 * @param checkpoint whose folder may hold one
 * @throws CaptionError `checkpoint-missing`, `checkpoint-invalid`, or `checkpoint-mismatch` with the model's vocabulary
 */
export async function readTokenizer(
  named: string | undefined,
  checkpoint: string,
  vocabulary: number,
): Promise<PackTokenizer> {
  if (named !== undefined) return readFile(named, vocabulary, 'told');
  for (const { folder } of await placesOf(checkpoint)) {
    const beside = join(folder, 'tokenizer.json');
    const isThere = await stat(beside).then(
      (status) => status.isFile(),
      () => false,
    );
    if (isThere) return readFile(beside, vocabulary, 'config');
  }
  if (vocabulary < gpt2Vocabulary) {
    const what = `has a vocabulary of ${vocabulary} tokens, which is not GPT-2’s`;
    const remedy = 'Name its tokenizer.json with --tokenizer, or put it beside the checkpoint.';
    throw undecided(checkpoint, what, remedy, { flag: '--tokenizer' });
  }
  const json = await gpt2TokenizerJson();
  return { json, stopToken: gpt2StopToken, description: 'GPT-2’s', from: 'assumed' };
}

async function readFile(path: string, vocabulary: number, from: 'config' | 'told'): Promise<PackTokenizer> {
  const file = await CheckpointFile.open(path);
  let value: unknown;
  try {
    value = await readJson(file, maxBytes);
  } finally {
    await file.close();
  }
  const result = z.safeParse(byteLevel, value);
  if (!result.success) throw invalid(path, 'it is not a byte-level tokenizer in Hugging Face’s format');
  const { vocab } = result.data.model;
  const size = Object.values(vocab).reduce((most, id) => Math.max(most, id + 1), 0);
  if (size > vocabulary) {
    throw mismatch(path, `has ${size} tokens, the model ${vocabulary}`, 'Name the tokenizer that it was trained with.');
  }
  const stopToken = vocab['.'];
  if (stopToken === undefined) throw mismatch(path, 'has no token "."', 'Captions end with it.');
  return { json: JSON.stringify(value), stopToken, description: `${basename(path)}, ${size} tokens`, from };
}
