/**
 * The tokenizer of CLIP's text side: what lies in the model's folder, else CLIP's own, which archives and downloads come
 * without and which all published models of its size share.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { CheckpointFile } from '../../checkpoints/checkpointFile.js';
import { invalid } from '../../checkpoints/errors.js';
import { readJson } from '../../checkpoints/huggingFace.js';
import {
  clipTokenizerJson,
  clipVocabulary,
  endOfText,
  endOfWord,
  openAiVocabulary,
  startOfText,
} from '../../tokenizer/clip.js';
import { mismatch } from '../errors.js';
import type { TextSide } from './textSide.js';

/** Those of the largest vocabularies stay below. */
const maxBytes = 64 * 2 ** 20;

const vocabulary = z.record(z.string(), z.int().check(z.nonnegative()));
const clipKind = z.object({
  model: z.object({ type: z.literal('BPE'), end_of_word_suffix: z.literal(endOfWord), vocab: vocabulary }),
});

/**
 * The text of a `tokenizer.json`.
 * @param path of the encoder's folder or file
 * @throws CaptionError `checkpoint-invalid`, or `checkpoint-mismatch` with the text side's vocabulary
 */
export async function readTextTokenizer(path: string, { tower, endToken }: TextSide): Promise<string> {
  const found = (await stat(path)).isDirectory() ? await inFolder(path) : undefined;
  if (!found) {
    if (tower.vocabulary === clipVocabulary) {
      const own = await openAiVocabulary();
      return JSON.stringify(clipTokenizerJson(own.vocabulary, own.merges));
    }
    const what = `has a text side of ${tower.vocabulary} tokens, which is not CLIP’s vocabulary, and no tokenizer`;
    throw mismatch(path, what, 'Put its tokenizer.json, or vocab.json and merges.txt, into the model’s folder.');
  }
  const { file, tokenizer } = found;
  const result = z.safeParse(clipKind, tokenizer);
  if (!result.success) throw invalid(file, 'it is not a tokenizer of CLIP’s kind in Hugging Face’s format');
  const { vocab } = result.data.model;
  const size = Object.values(vocab).reduce((most, id) => Math.max(most, id + 1), 0);
  if (size > tower.vocabulary) {
    throw mismatch(file, `has ${size} tokens, the text side ${tower.vocabulary}`, 'Put the model’s own in its place.');
  }
  if (vocab[startOfText] === undefined || vocab[endOfText] !== endToken) {
    const what = `ends texts with ${vocab[endOfText] ?? 'nothing'}, the text side expects ${endToken}`;
    throw mismatch(file, what, 'Put the model’s own in its place.');
  }
  return JSON.stringify(tokenizer);
}

async function inFolder(folder: string): Promise<{ file: string; tokenizer: unknown } | undefined> {
  const whole = await sibling(folder, 'tokenizer.json');
  if (whole) return { file: whole.path, tokenizer: await whole.use((file) => readJson(file, maxBytes)) };
  const [words, merges] = [await sibling(folder, 'vocab.json'), await sibling(folder, 'merges.txt')];
  if (!words || !merges) return undefined;
  const result = z.safeParse(vocabulary, await words.use((file) => readJson(file, maxBytes)));
  if (!result.success) throw invalid(words.path, 'it is not a list of tokens with their ids');
  const text = await merges.use((file) => file.read(0, Math.min(file.size, maxBytes)));
  const lines = text.toString('utf8').split(/\r?\n/u);
  const pairs = lines.filter((line) => line !== '' && !line.startsWith('#version'));
  return { file: words.path, tokenizer: clipTokenizerJson(new Map(Object.entries(result.data)), pairs) };
}

interface Sibling {
  readonly path: string;
  use<T>(read: (file: CheckpointFile) => Promise<T>): Promise<T>;
}

/** A file of the folder, if it is there. */
async function sibling(folder: string, name: string): Promise<Sibling | undefined> {
  const path = join(folder, name);
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return undefined;
  return {
    path,
    async use(read) {
      const file = await CheckpointFile.open(path);
      try {
        return await read(file);
      } finally {
        await file.close();
      }
    },
  };
}
