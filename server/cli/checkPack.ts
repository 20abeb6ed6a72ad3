/** Tries a pack before it takes its place, in an inference process of its own, and measures its prefixes on photos. */
import type { PackManifest } from '@clipcap/models/pack/manifest';
import type { PrefixStatistics } from '@clipcap/models/import/statistics';
import { CaptionError } from '@clipcap/protocol/error';
import { namesRaster } from '@clipcap/protocol/imageFile';
import { checkModel, measurePrefixes, type ImageBytes, type SelfCheck } from '@clipcap/protocol/inference';
import { recognise } from '../inference/imageFormat.js';
import { readImage, readStart } from '../process/readImage.js';
import { findImages, placeOf } from './images.js';
import { inOwnProcess } from './inOwnProcess.js';

interface CheckOptions {
  /** The inference process's script. */
  readonly entry: string;
  /** Tried instead of a generated picture. */
  readonly image: string | undefined;
  /** A folder of photos. */
  readonly reference: string | undefined;
  readonly signal: AbortSignal;
}

export interface CheckedPack {
  readonly check: SelfCheck;
  readonly statistics: PrefixStatistics | undefined;
}

/** Photos that are sent at a time. */
const batch = 8;

/**
 * Whether what a pack will be tried on is there, and images by their first bytes: asked before the pack is written, which
 * takes long.
 * @throws CaptionError naming what is not there, cannot be read or is no image
 */
export async function checkPhotos({ image, reference }: Pick<CheckOptions, 'image' | 'reference'>): Promise<void> {
  const photos = reference === undefined ? [] : await photosOf(reference);
  for (const path of [...(image === undefined ? [] : [image]), ...photos])
    recognise(await readStart(placeOf(path)), path);
}

/** @throws CaptionError `checkpoint-invalid` for a model that gives no numbers, or what keeps it from running */
export async function checkPack(
  folder: string,
  manifest: PackManifest,
  { entry, image, reference, signal }: CheckOptions,
): Promise<CheckedPack> {
  const tried = image === undefined ? undefined : await imageBytes(image);
  const remedy = 'Close other programs, or use a smaller --dtype.';
  return inOwnProcess({ entry, signal, doing: 'tried the pack', remedy }, async (connection) => {
    const check = await connection.sendRequest(checkModel, { model: folder, ...(tried && { image: tried }) });
    if (!check.finite) {
      const message =
        'The imported model gives values that are no numbers. Its checkpoint is damaged: download it again.';
      throw new CaptionError('checkpoint-invalid', message);
    }
    if (reference === undefined) return { check, statistics: undefined };
    const sums = new PrefixSums(manifest);
    const photos = await photosOf(reference);
    for (let start = 0; start < photos.length; start += batch) {
      const images = await Promise.all(photos.slice(start, start + batch).map(imageBytes));
      const prefixes = await connection.sendRequest(measurePrefixes, { model: folder, images });
      for (const prefix of prefixes) sums.add(prefix);
    }
    return { check, statistics: sums.statistics() };
  });
}

/** A prefix that changes less than this from image to image says the same of all. */
const smallestDifference = 1e-3;

/** What people should know of a pack before they use it. */
export function warningOf({ prefixDifference }: SelfCheck): string | undefined {
  if (prefixDifference >= smallestDifference) return undefined;
  return 'The prefix hardly depends on the image. Do encoder and normalisation belong to this mapper?';
}

async function photosOf(folder: string): Promise<string[]> {
  const found = await findImages([folder], namesRaster);
  const error = found.find((image) => image.error)?.error;
  if (error) throw error;
  return found.map(({ path }) => path);
}

/** @param named a path or a `file:` URL */
async function imageBytes(named: string): Promise<ImageBytes> {
  const { bytes } = await readImage(placeOf(named), named);
  return { bytes, name: named };
}

/** Sums that mean and covariance are made of, in double precision. */
class PrefixSums {
  readonly #length: number;
  readonly #width: number;
  readonly #sum: Float64Array;
  /** Of products within rows, [D,D]. */
  readonly #products: Float64Array;
  count = 0;

  constructor({ mapper, languageModel: { width } }: PackManifest) {
    this.#length = mapper.prefixLength;
    this.#width = width;
    this.#sum = new Float64Array(this.#length * width);
    this.#products = new Float64Array(width * width);
  }

  /** @param prefix [K,D] */
  add(prefix: Float32Array): void {
    const width = this.#width;
    for (let i = 0; i < prefix.length; i++) this.#sum[i]! += prefix[i]!;
    for (let start = 0; start < prefix.length; start += width) {
      for (let i = 0; i < width; i++) {
        for (let j = 0; j <= i; j++) this.#products[i * width + j]! += prefix[start + i]! * prefix[start + j]!;
      }
    }
    this.count++;
  }

  /** Σ (x−μ)(x−μ)ᵀ / ((images − 1) · K), μ the mean of the row's position: as the built-in pack has it. */
  statistics(): PrefixStatistics {
    const width = this.#width;
    const mean = Float32Array.from(this.#sum, (sum) => sum / this.count);
    const covariance = new Float32Array(width * width);
    for (let i = 0; i < width; i++) {
      for (let j = 0; j <= i; j++) {
        let ofMeans = 0;
        for (let k = 0; k < this.#length; k++)
          ofMeans += (this.#sum[k * width + i]! * this.#sum[k * width + j]!) / this.count;
        const value = (this.#products[i * width + j]! - ofMeans) / (Math.max(1, this.count - 1) * this.#length);
        covariance[i * width + j] = value;
        covariance[j * width + i] = value;
      }
    }
    return { photos: this.count, mean, covariance };
  }
}
