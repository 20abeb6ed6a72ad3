/** What a pack's `statistics.safetensors` says of its prefixes over reference images, and of its vocabulary. */
import type { Safetensors } from '@clipcap/models/pack/safetensors';
import { readFloats } from './readFloats.js';

/** The mean prefix [K·D] of images that stand for every image. */
export interface Reference {
  readonly mean: Float32Array;
  /** 0: the pack does not say. */
  readonly images: number;
  readonly source: 'pack' | 'images';
}

export interface Statistics {
  /** Euclidean norms of the token embeddings, ascending [V]. */
  readonly norms: Float32Array;
  /** Absent from a pack that was imported without reference images. */
  readonly reference: Reference | undefined;
}

export async function readStatistics(statistics: Safetensors): Promise<Statistics> {
  const norms = (await readFloats(statistics, 'vocabulary_norms')) ?? new Float32Array();
  const mean = await readFloats(statistics, 'prefix_mean');
  return { norms: norms.sort(), reference: mean && { mean, images: photosOf(statistics), source: 'pack' } };
}

/** How many images the statistics are of, as the file's metadata say. */
function photosOf({ metadata: { photos = '' } }: Safetensors): number {
  return /^\d{1,9}$/u.test(photos) ? Number(photos) : 0;
}
