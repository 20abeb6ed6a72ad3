/**
 * Whether a pack that was just imported works: two images through encoder and mapper, one of them through the language
 * model. An import should need little memory whatever the model's size, so parts are opened one after another, lean, and
 * the language model a few blocks at a time; that is too slow for captions, and made pictures have none to speak of.
 */
import { Tensor } from 'onnxruntime-node';
import { gpt2Blocks } from '@clipcap/models/graphs/gpt2';
import { outputHead } from '@clipcap/models/graphs/vocabulary';
import { openPack, type Pack } from '@clipcap/models/pack/openPack';
import type { ImageBytes, SelfCheck } from '@clipcap/protocol/inference';
import { decode } from './decode.js';
import { Encoder } from './encoder.js';
import { NearestTokens } from './interpret.js';
import { Mapper } from './mapper.js';
import type { Model } from './model.js';
import { preprocess } from './preprocess.js';
import { createLeanSession, output, run } from './provider.js';
import { Tokenizer } from './tokenizer.js';

/** Patches of one colour, as pictures have them. */
const cells = 8;
/** As many bytes of blocks are open at a time: four of GPT-2 small's. */
const pieceBytes = 4 * 29e6;
const captionTokens = 20;

/** @param image compared with a made picture; left out, two of those are */
export async function selfCheck(folder: string, image?: ImageBytes): Promise<Omit<SelfCheck, 'caption'>> {
  const pack = await openPack(folder);
  const recipe = pack.manifest.encoder.image;
  const first = image ? preprocess(await decode(image.bytes, image.name), recipe) : madePicture(recipe.size, 1);
  const embeds = await released(await Encoder.create(pack, 'cpu', undefined, createLeanSession), (encoder) =>
    encoder.encode([first, madePicture(recipe.size, 2)]),
  );
  const prefixes = await released(await Mapper.create(pack, 'cpu', createLeanSession), (mapper) => mapper.map(embeds));
  const prefix = prefixes.slice(0, prefixes.length / 2);
  const rows = await released(await NearestTokens.create(pack, 'cpu', createLeanSession), (words) =>
    words.find(prefix, 1),
  );
  const next = await nextToken(pack, prefix);
  const tokenizer = await Tokenizer.create(pack);
  const scores = rows.flatMap(({ nearest }) => nearest.map(({ score }) => score));
  return {
    finite: [...prefixes, ...scores, ...next.logits].every(Number.isFinite),
    prefixDifference: relativeDifference(prefix, prefixes.slice(prefix.length)),
    next: tokenizer.tokenText(next.id),
    nearest: rows.map(({ nearest }) => tokenizer.tokenText(nearest[0]!.id)),
  };
}

/** What the finished pack says of an image, greedily. */
export async function shortCaption(model: Model, { bytes, name }: ImageBytes): Promise<string> {
  const pixels = preprocess(await decode(bytes, name), model.imageRecipe);
  const options = { strategy: 'greedy', maxTokens: captionTokens, nearest: 1 } as const;
  const [found] = await model.caption([pixels], options, () => Promise.resolve());
  return found!.captions[0]!.text;
}

/** The likeliest token after a prefix [K·D]. */
async function nextToken(pack: Pack, prefix: Float32Array): Promise<{ id: number; logits: readonly number[] }> {
  const { folder, manifest, weights } = pack;
  const { languageModel: model } = manifest;
  const { width, layers } = model;
  const positions = prefix.length / width;
  const blocks = Math.max(1, Math.floor(pieceBytes / (4 * 12 * width ** 2)));
  let hidden = prefix;
  for (let layer = 0; layer < layers; layer += blocks) {
    const graph = gpt2Blocks(model, weights, positions, [layer, Math.min(layer + blocks, layers)]);
    hidden = await released(await createLeanSession(graph, 'cpu', folder), async (session) => {
      const feeds = { hidden: new Tensor('float32', hidden, [positions, width]) };
      return output(await run(session, feeds, ['hidden_after']), 'hidden_after', 'float32').data.slice();
    });
  }
  return released(await createLeanSession(outputHead(manifest, weights), 'cpu', folder), async (session) => {
    const feeds = {
      states: new Tensor('float32', hidden.slice(-width), [1, width]),
      norm: new Tensor('bool', [true], [1]),
      k: new Tensor('int64', [1n], [1]),
    };
    const outputs = await run(session, feeds, ['logits', 'ids', 'log_sum']);
    const [logits, sum] = ['logits', 'log_sum'].map((name) => output(outputs, name, 'float32').data);
    return { id: Number(output(outputs, 'ids', 'int64').data[0]), logits: [...logits!, ...sum!] };
  });
}

/** What `use` makes of a part that is released then. */
async function released<Part extends { release(): Promise<void> }, Result>(
  part: Part,
  use: (part: Part) => Promise<Result>,
): Promise<Result> {
  try {
    return await use(part);
  } finally {
    await part.release();
  }
}

/** Prefixes [K·D] of images. */
export async function prefixesOf(model: Model, images: readonly ImageBytes[]): Promise<Float32Array[]> {
  const values: Float32Array[] = [];
  for (const { bytes, name } of images) values.push(preprocess(await decode(bytes, name), model.imageRecipe));
  return model.prefixes(values);
}

/** ‖a − b‖ / ‖a‖ */
function relativeDifference(a: Float32Array, b: Float32Array): number {
  let difference = 0;
  let length = 0;
  for (const [i, value] of a.entries()) {
    difference += (value - b[i]!) ** 2;
    length += value ** 2;
  }
  return Math.sqrt(difference / (length || 1));
}

/** Pixel values as normalised images have them, −2…2, in squares. */
function madePicture(size: number, seed: number): Float32Array {
  let state = seed;
  const colours = Float32Array.from({ length: 3 * cells * cells }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 30 - 2;
  });
  const cell = (position: number): number => Math.floor((position * cells) / size);
  return Float32Array.from({ length: 3 * size * size }, (_, i) => {
    const channel = Math.floor(i / (size * size));
    const row = Math.floor(i / size) % size;
    return colours[(channel * cells + cell(row)) * cells + cell(i % size)]!;
  });
}
