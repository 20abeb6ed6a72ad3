/** Whether a pack that was just imported works: two images through encoder and mapper, one of them to a caption. */
import type { ImageBytes, SelfCheck } from '@clipcap/protocol/inference';
import { decode } from './decode.js';
import type { Model } from './model.js';
import { preprocess } from './preprocess.js';

/** Captions long enough to be read, short enough to wait for. */
const tokens = 20;
/** Patches of one colour, as pictures have them. */
const cells = 8;

/** @param image captioned and compared with a made picture; left out, two of those are */
export async function selfCheck(model: Model, image?: ImageBytes): Promise<SelfCheck> {
  const { size } = model.imageRecipe;
  const first = image ? preprocess(await decode(image.bytes, image.name), model.imageRecipe) : madePicture(size, 1);
  const prefixes = await model.prefixes([first, madePicture(size, 2)]);
  const [output] = await model.caption([first], { maxTokens: tokens, nearest: 1 }, () => Promise.resolve());
  const [caption] = output!.captions;
  const scores = [caption!.score, ...output!.prefix.flatMap(({ nearest }) => nearest.map(({ score }) => score))];
  return {
    finite: [...prefixes, Float32Array.from(scores)].every((values) => values.every(Number.isFinite)),
    prefixDifference: relativeDifference(prefixes[0]!, prefixes[1]!),
    caption: caption!.text,
    nearest: output!.prefix.map(({ nearest }) => nearest[0]!.text),
  };
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
