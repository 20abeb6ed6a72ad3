/** What a pack's `statistics.safetensors` says of its prefixes over reference images, and of its vocabulary. */
import { open } from 'node:fs/promises';
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
  const images = photosOf(await readHeader(statistics.path));
  return { norms: norms.sort(), reference: mean && { mean, images, source: 'pack' } };
}

async function readHeader(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const read = async (offset: number, length: number): Promise<Buffer> => {
      const bytes = Buffer.alloc(length);
      await file.read(bytes, 0, length, offset);
      return bytes;
    };
    return (await read(8, Number((await read(0, 8)).readBigUInt64LE()))).toString();
  } finally {
    await file.close();
  }
}

/** How many images the statistics are of, as the file's metadata say. */
function photosOf(header: string): number {
  const parsed: unknown = JSON.parse(header);
  const photos = field(field(parsed, '__metadata__'), 'photos');
  const count = typeof photos === 'string' && /^\d{1,9}$/u.test(photos) ? Number(photos) : 0;
  return count;
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;
}
