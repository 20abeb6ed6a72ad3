/**
 * How many full-size images may be in memory. A file says little about that: a small one can hold a hundred megapixels.
 */

/** An image whose header was read. */
export interface ImageInMemory {
  readonly params: { readonly priority: number };
  /** Width × height. */
  readonly size: number;
}

/**
 * Images of more pixels are in memory one at a time; smaller ones share this many with those that are as urgent or more.
 * While it is decoded, a 16-bit image with alpha takes 11 bytes a pixel and more in the decoder.
 */
const budget = 8_000_000;

export class PixelRoom<Image extends ImageInMemory> {
  readonly #images = new Set<Image>();

  /** Whether an image may be decoded now. One alone always may. */
  hasRoomFor(image: Image): boolean {
    const others = [...this.#images];
    if (image.size > budget) return others.every((other) => other.size <= budget);
    // What is asked for by hand need not wait for a long run's images.
    const before = others.filter((other) => other.size <= budget && other.params.priority <= image.params.priority);
    return before.reduce((sum, other) => sum + other.size, image.size) <= budget;
  }

  add(image: Image): void {
    this.#images.add(image);
  }

  delete(image: Image): void {
    this.#images.delete(image);
  }
}
