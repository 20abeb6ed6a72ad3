/**
 * The library that decodes images, loaded when the first image needs it: it takes a tenth of a second, which the command
 * line itself can do without.
 */
import type sharp from 'sharp';

type ImageLibrary = typeof sharp;

let loading: Promise<ImageLibrary> | undefined;

/** @returns sharp, which reads nothing but the formats that we name, and keeps nothing between images */
export function imageLibrary(): Promise<ImageLibrary> {
  loading ??= load().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(): Promise<ImageLibrary> {
  const { default: library } = await import('sharp');
  // Images come from anywhere: only these formats' loaders can be reached, whatever the bytes claim to be.
  library.block({ operation: ['VipsForeignLoad'] });
  library.unblock({
    operation: [
      'VipsForeignLoadJpegBuffer',
      'VipsForeignLoadPngBuffer',
      'VipsForeignLoadWebpBuffer',
      'VipsForeignLoadNsgifBuffer',
      'VipsForeignLoadHeifBuffer',
      'VipsForeignLoadTiffBuffer',
    ],
  });
  library.cache(false);
  return library;
}
