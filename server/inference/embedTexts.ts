/** Texts through CLIP's text side, once, while a pack is imported. */
import { dirname } from 'node:path';
import { Tensor } from 'onnxruntime-node';
import { clipText } from '@clipcap/models/graphs/encoders/clipText';
import { readSafetensors } from '@clipcap/models/pack/safetensors';
import { endOfText, startOfText } from '@clipcap/models/tokenizer/clip';
import type { EmbedTextsParams } from '@clipcap/protocol/inference';
import { normalizeRows } from './encoder.js';
import { createLeanSession } from './leanSession.js';
import { output, run } from './provider.js';

/** Positions of one run: enough for matrix products, few enough that activations stay small beside the weights. */
const positionsTogether = 512;

/**
 * @returns [L·d], each row of length 1
 * @throws CaptionError `inference-failed` or `out-of-memory`
 */
export async function embedTexts({ tower, weights, tokenizer, texts }: EmbedTextsParams): Promise<Float32Array> {
  const { context, embeddingWidth } = tower;
  const tokens = await clipTokens(tokenizer, texts, context);
  const shared = commonBeginning(tokens);
  const graph = clipText(tower, await readSafetensors(weights), tokens[0]!.slice(0, shared));
  // The tower runs a few times only, and need not be in memory as a whole.
  const session = await createLeanSession(graph, 'cpu', dirname(weights));
  const embeds = new Float32Array(texts.length * embeddingWidth);
  try {
    for (const batch of batches(tokens, shared)) {
      const length = tokens[batch.at(-1)!]!.length - shared;
      const ids = new BigInt64Array(batch.length * length);
      for (const [row, text] of batch.entries()) {
        ids.set(tokens[text]!.slice(shared).map(BigInt), row * length);
      }
      const ends = batch.map((text, row) => BigInt(row * length + tokens[text]!.length - shared - 1));
      const feeds = {
        input_ids: new Tensor('int64', ids, [batch.length, length]),
        end_rows: new Tensor('int64', BigInt64Array.from(ends), [batch.length]),
      };
      const { data } = output(await run(session, feeds, ['text_embeds']), 'text_embeds', 'float32');
      for (const [row, text] of batch.entries()) {
        embeds.set(data.subarray(row * embeddingWidth, (row + 1) * embeddingWidth), text * embeddingWidth);
      }
    }
  } finally {
    await session.release();
  }
  normalizeRows(embeds, embeddingWidth);
  return embeds;
}

/**
 * Ids of each text between its two ends, as CLIP takes it: up to the first end, and no longer than `context`.
 * @param json the text of a `tokenizer.json`
 */
export async function clipTokens(json: string, texts: readonly string[], context: number): Promise<number[][]> {
  const { PreTrainedTokenizer, env } = await import('@xenova/transformers');
  env.allowRemoteModels = false;
  env.useFSCache = false;
  const tokenizer = new PreTrainedTokenizer(JSON.parse(json), {});
  const [start, end] = [startOfText, endOfText].map((token) => tokenizer.get_vocab().get(token)!);
  return texts.map((text) => {
    // The reference lowers each letter by itself; JavaScript makes ς of a Σ that ends a word.
    const ids = tokenizer.encode(text.replaceAll('Σ', 'σ'), { add_special_tokens: false });
    const until = ids.indexOf(end!);
    return [start!, ...(until < 0 ? ids : ids.slice(0, until)).slice(0, context - 2), end!];
  });
}

/** How many tokens all lists begin with; of none the last one. */
function commonBeginning(lists: readonly (readonly number[])[]): number {
  const [first = []] = lists;
  let shared = Math.min(...lists.map((ids) => ids.length - 1));
  for (const ids of lists) {
    const differs = ids.findIndex((id, i) => i < shared && id !== first[i]);
    if (differs >= 0) shared = differs;
  }
  return shared;
}

/** Indices of texts, the shorter ones first, so that texts of one run are about equally long. */
function batches(tokens: readonly (readonly number[])[], shared: number): number[][] {
  const found: number[][] = [];
  for (const text of [...tokens.keys()].toSorted((a, b) => tokens[a]!.length - tokens[b]!.length)) {
    const last = found.at(-1);
    const fits = last && (last.length + 1) * (tokens[text]!.length - shared) <= positionsTogether;
    if (fits) last.push(text);
    else found.push([text]);
  }
  return found;
}
