/** Which files are images by their names, for the editor and the language server alike. */

const imageExtension = /\.(?:jpe?g|png|webp|gif|avif|tiff?|svg)$/iu;

/** Whether a file of this name is an image by its extension. SVG counts, so that its refusal can be told. */
export function namesImage(path: string): boolean {
  return imageExtension.test(path);
}

/** Whether a file of this name is an image that can be captioned, as far as its extension tells. */
export function namesRaster(path: string): boolean {
  return namesImage(path) && !/\.svg$/iu.test(path);
}
