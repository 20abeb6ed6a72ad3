/** The pictures that a report carries and that thumbnails are: upright, as the model saw them, small. */
import { imageLibrary } from '../imageLibrary.js';
import type { Pixels } from '../resample.js';

/** A JPEG of at most `side` pixels a side. */
export async function jpegOf({ data, width, height }: Pixels, side: number): Promise<Uint8Array> {
  const sharp = await imageLibrary();
  return sharp(data, { raw: { width, height, channels: 3 } })
    .resize({ width: side, height: side, fit: 'inside', withoutEnlargement: true })
    .jpeg({ quality: 85 })
    .toBuffer();
}
