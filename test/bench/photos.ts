/**
 * Photos to measure with, made from the fixture photos: JPEG files of the sizes that the figures are stated for. All
 * differ in content, so that nothing can be answered from an earlier run.
 */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { fixture } from '../root.js';

export interface PhotoSize {
  readonly width: number;
  readonly height: number;
}

/** Writes `count` different JPEG photos (quality 88) into `folder` and gives their paths. */
export async function writePhotos(folder: string, size: PhotoSize, count: number): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const sources = (await readdir(fixture('photos'))).filter((name) => name.endsWith('.jpg')).sort();
  const paths: string[] = [];
  for (let index = 0; index < count; index++) {
    const source = sources[index % sources.length];
    if (source === undefined) throw new Error('there are no fixture photos');
    const turn = Math.floor(index / sources.length);
    const path = join(folder, `${String(index).padStart(4, '0')}.jpg`);
    const bytes = await sharp(fixture(join('photos', source)))
      // Enlarge a little more every turn and cut from another place: another photo to the model.
      .resize({ width: size.width + 8 * turn, height: size.height + 8 * turn, fit: 'cover' })
      .extract({ left: 4 * turn, top: 4 * turn, ...size })
      .jpeg({ quality: 88 })
      .toBuffer();
    await writeFile(path, bytes);
    paths.push(path);
  }
  return paths;
}
