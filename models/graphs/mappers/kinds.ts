/** What the mappers are told. */
import type { MapperManifest } from '../../pack/manifest.js';

export type MapperOf<Kind extends MapperManifest['kind']> = Extract<MapperManifest, { kind: Kind }>;

export interface MapperWidths {
  /** d, of the image embedding. */
  readonly inputs: number;
  /** D, of the language model. */
  readonly width: number;
}
