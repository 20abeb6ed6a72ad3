/** The bytes of a pack's `statistics.safetensors`. */
import type { PackManifest } from '../pack/manifest.js';
import { safetensorsHead } from './weightsFile.js';

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
  const tensors: [name: string, shape: readonly number[], values: Float32Array][] = [
    ['vocabulary_norms', [norms.length], norms],
  ];
  if (prefix) {
    tensors.push(['prefix_mean', [mapper.prefixLength, width], prefix.mean]);
    tensors.push(['prefix_covariance', [width, width], prefix.covariance]);
  }
  // The Prefix Lens shows how many images its mean stands for.
  const header: Record<string, object> = prefix ? { __metadata__: { photos: String(prefix.photos) } } : {};
  let end = 0;
  for (const [name, shape, { byteLength }] of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [end, end + byteLength] };
    end += byteLength;
  }
  const bytes = tensors.map(
    ([, , { buffer, byteOffset, byteLength }]) => new Uint8Array(buffer, byteOffset, byteLength),
  );
  return Buffer.concat([safetensorsHead(header), ...bytes]);
}
