/** The bytes of a pack's `statistics.safetensors`. */
import type { PackManifest } from '../pack/manifest.js';
import { safetensorsBytes, type FloatTensor } from './safetensorsBytes.js';

/** Over reference images. */
export interface PrefixStatistics {
  /** How many there were. */
  readonly photos: number;
  /** [K,D] */
  readonly mean: Float32Array;
  /** Of the rows around their position's mean, [D,D]. */
  readonly covariance: Float32Array;
}

/** @param prefix left out where there were no reference images */
export function statisticsBytes(
  { mapper, languageModel }: Pick<PackManifest, 'mapper' | 'languageModel'>,
  norms: Float32Array,
  prefix?: PrefixStatistics,
): Uint8Array {
  const { width } = languageModel;
  const vocabulary: FloatTensor = ['vocabulary_norms', [norms.length], norms];
  if (!prefix) return safetensorsBytes([vocabulary]);
  return safetensorsBytes(
    [
      vocabulary,
      ['prefix_mean', [mapper.prefixLength, width], prefix.mean],
      ['prefix_covariance', [width, width], prefix.covariance],
    ],
    // The Prefix Lens shows how many images its mean stands for.
    { photos: String(prefix.photos) },
  );
}
