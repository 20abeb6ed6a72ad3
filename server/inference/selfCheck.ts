/**
 * Whether a pack that was just imported works: two images through encoder and mapper, one of them through the language
 * model. An import should need little memory whatever the model's size, so parts are opened one after another, and lean;
 * that is too slow for captions, and generated pictures have none to speak of.
 */
import { openPack } from '@clipcap/models/pack/openPack';
import type { ImageBytes, SelfCheck } from '@clipcap/protocol/inference';
import { decode } from './decode.js';
import { Decoder } from './decoder.js';
import { Encoder } from './encoder.js';
import { NearestTokens } from './interpret.js';
import { createLeanSession } from './leanSession.js';
import { noise } from './noise.js';
import { Mapper } from './mapper.js';
import type { Model } from './model.js';
import { preprocess } from './preprocess.js';
import { Tokenizer } from './tokenizer.js';

/** Patches of one colour, as pictures have them. */
const cells = 8;
const captionTokens = 20;

/** @param image compared with a generated picture; left out, two of those are */
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
  const logits = await released(await Decoder.create(pack, 'cpu', createLeanSession), (decoder) =>
    decoder.begin(prefix, 1).first(),
  );
  const tokenizer = await Tokenizer.create(pack);
  const scores = rows.flatMap(({ nearest }) => nearest.map(({ score }) => score));
  return {
    finite: [...prefixes, ...scores, ...logits].every(Number.isFinite),
    prefixDifference: relativeDifference(prefix, prefixes.slice(prefix.length)),
    next: tokenizer.tokenText(logits.reduce((best, value, id) => (value > logits[best]! ? id : best), 0)),
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
  const colours = noise(3 * cells * cells, seed);
  const cell = (position: number): number => Math.floor((position * cells) / size);
  return Float32Array.from({ length: 3 * size * size }, (_, i) => {
    const channel = Math.floor(i / (size * size));
    const row = Math.floor(i / size) % size;
    return colours[(channel * cells + cell(row)) * cells + cell(i % size)]!;
  });
}
