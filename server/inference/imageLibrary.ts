/**
 * The library that decodes images, loaded when the first image needs it: it takes a tenth of a second, which the command
 * line itself can do without.
 */
type ImageLibrary = typeof import('sharp').default;

let loading: Promise<ImageLibrary> | undefined;

/** @returns sharp, which reads nothing but the formats that we name, and keeps nothing between images */
export function imageLibrary(): Promise<ImageLibrary> {
  return (loading ??= load());
}

async function load(): Promise<ImageLibrary> {
  const { default: sharp } = await import('sharp');
  // Images come from anywhere: only these formats' loaders can be reached, whatever the bytes claim to be.
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({
    operation: [
      'VipsForeignLoadJpegBuffer',
      'VipsForeignLoadPngBuffer',
      'VipsForeignLoadWebpBuffer',
      'VipsForeignLoadNsgifBuffer',
      'VipsForeignLoadHeifBuffer',
      'VipsForeignLoadTiffBuffer',
    ],
  });
  sharp.cache(false);
  return sharp;
}
