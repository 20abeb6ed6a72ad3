/** Captions of prefixes, whatever was done to them, and the log-probability that a prefix gives to a caption. */
import { optionsKey, type Caption, type CaptionOptions } from '@clipcap/protocol/caption';
import { generate } from '../generate.js';
import { logProbOf } from '../logProbs.js';
import { resolveOptions, type ResolvedOptions } from '../options.js';
import type { Considered, FoundCaption } from '../search.js';
import type { LensModel } from './lensModel.js';
import { usage } from './parameters.js';
import type { LensContext } from './view.js';

/** Bytes of logits that one step may give: 160 rows of GPT-2's vocabulary. */
const logitsBytes = 32_200_000;

type Checkpoint = () => Promise<void>;

/** The options for a prefix of `length` rows, which may be other than the pack's. */
export function resolve(model: LensModel, options: CaptionOptions, length: number): ResolvedOptions {
  const { manifest, parts } = model;
  const mapper = { ...manifest.mapper, prefixLength: length };
  return resolveOptions(options, { ...manifest, mapper }, (text) => parts.tokenizer.encode(text));
}

/** The best caption of every prefix [K'·D], those of equal length as one batch. */
export async function captionsOf(
  model: LensModel,
  prefixes: readonly Float32Array[],
  options: CaptionOptions,
  checkpoint: Checkpoint,
): Promise<Caption[]> {
  const { width, vocabulary } = model.manifest.languageModel;
  return inBatches(prefixes, width, async (indices, length) => {
    const resolved = resolve(model, { ...options, captions: 1 }, length);
    const rows = 'beams' in resolved.decoding ? resolved.decoding.beams : 1;
    return inParts(indices, Math.floor(logitsBytes / (4 * vocabulary * rows)), async (part) => {
      const found = await searchFrom(
        model,
        part.map((index) => prefixes[index]!),
        resolved,
        checkpoint,
      );
      return found.map((captions) => model.parts.tokenizer.caption(captions[0]!));
    });
  });
}

/** Searches for captions of prefixes of one length. */
export async function searchFrom(
  model: LensModel,
  prefixes: readonly Float32Array[],
  resolved: ResolvedOptions,
  checkpoint: Checkpoint,
  considered?: (image: number, step: readonly Considered[]) => void,
): Promise<FoundCaption[][]> {
  const { vocabulary } = model.manifest.languageModel;
  const images = prefixes.length;
  const decoding = model.parts.decoder.begin(joined(prefixes), images);
  try {
    return await generate(decoding, { images, vocabulary }, resolved, checkpoint, undefined, considered);
  } finally {
    decoding.dispose();
  }
}

/** The image's caption under the request's options. */
export async function captionOf({ model, image, options, checkpoint }: LensContext): Promise<Caption> {
  const key = optionsKey(options);
  const known = image.captions.get(key);
  if (known) return known;
  const [caption] = await captionsOf(model, [image.prefix], options, checkpoint);
  image.captions.set(key, caption!);
  return caption!;
}

export interface Forced {
  /** [K'·D] */
  readonly prefix: Float32Array;
  readonly tokens: readonly number[];
}

/**
 * Teacher forcing: the natural log-probability of every token after the prefix and the tokens before it. Items whose
 * prefixes have one length are one batch.
 * @param seen given the logits [V] from which a token was taken
 */
export async function forcedLogProbs(
  model: LensModel,
  items: readonly Forced[],
  checkpoint: Checkpoint,
  seen?: (item: number, token: number, logits: Float32Array) => void,
): Promise<number[][]> {
  const { width, vocabulary } = model.manifest.languageModel;
  return inBatches(
    items.map(({ prefix }) => prefix),
    width,
    (indices, length) => {
      checkLength(model, length, Math.max(...indices.map((index) => items[index]!.tokens.length)));
      return inParts(indices, Math.floor(logitsBytes / (4 * vocabulary)), (part) =>
        force(
          model,
          part.map((index) => items[index]!),
          checkpoint,
          (item, token, logits) => seen?.(part[item]!, token, logits),
        ),
      );
    },
  );
}

async function force(
  model: LensModel,
  items: readonly Forced[],
  checkpoint: Checkpoint,
  seen: (item: number, token: number, logits: Float32Array) => void,
): Promise<number[][]> {
  const { vocabulary } = model.manifest.languageModel;
  const logProbs = items.map((): number[] => []);
  const decoding = model.parts.decoder.begin(joined(items.map(({ prefix }) => prefix)), items.length);
  try {
    await checkpoint();
    let logits = await decoding.first();
    let live = items.map((_, index) => index);
    for (let place = 0; ; place++) {
      const rows: number[] = [];
      for (const [row, index] of live.entries()) {
        const { tokens } = items[index]!;
        const token = tokens[place];
        if (token === undefined) continue;
        logProbs[index]!.push(logProbOf(logits, row, vocabulary, token));
        seen(index, place, logits.subarray(row * vocabulary, (row + 1) * vocabulary));
        if (place + 1 < tokens.length) rows.push(row);
      }
      if (rows.length === 0) return logProbs;
      const continued = rows.map((row) => live[row]!);
      await checkpoint();
      logits = await decoding.next(
        rows,
        continued.map((index) => items[index]!.tokens[place]!),
      );
      live = continued;
    }
  } finally {
    decoding.dispose();
  }
}

export function idsOf({ tokens }: Caption): number[] {
  return tokens.map(({ id }) => id);
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Runs `work` once for each length of prefixes, and puts its results in the order of the prefixes. */
async function inBatches<Result>(
  prefixes: readonly Float32Array[],
  width: number,
  work: (indices: readonly number[], length: number) => Promise<Result[]>,
): Promise<Result[]> {
  const lengths = prefixes.map((prefix) => prefix.length / width);
  const results: Result[] = [];
  for (const length of new Set(lengths)) {
    const indices = [...prefixes.keys()].filter((index) => lengths[index] === length);
    const found = await work(indices, length);
    for (const [i, index] of indices.entries()) results[index] = found[i]!;
  }
  return results;
}

async function inParts<Item, Result>(
  items: readonly Item[],
  limit: number,
  work: (part: readonly Item[]) => Promise<Result[]>,
): Promise<Result[]> {
  const results: Result[] = [];
  const size = Math.max(1, limit);
  for (let start = 0; start < items.length; start += size)
    results.push(...(await work(items.slice(start, start + size))));
  return results;
}

/** The last position must still be one that the model knows; the last token is not read. */
function checkLength({ manifest }: LensModel, prefix: number, tokens: number): void {
  const { context } = manifest.languageModel;
  if (prefix + tokens - 1 <= context) return;
  throw usage(
    `A prefix of ${prefix} positions and a caption of ${tokens} tokens are more than the ${context} positions of this ` +
      'model. Insert fewer words, or ask for a shorter caption.',
  );
}

/** Rows one after the other; a single one is not copied. */
export function joined(rows: readonly Float32Array[]): Float32Array {
  const [first] = rows;
  if (rows.length === 1 && first) return first;
  const all = new Float32Array(rows.reduce((length, row) => length + row.length, 0));
  let at = 0;
  for (const row of rows) {
    all.set(row, at);
    at += row.length;
  }
  return all;
}
