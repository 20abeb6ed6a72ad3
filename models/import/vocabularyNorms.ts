/** Euclidean norms of the token embeddings, taken while these are written. */

export class VocabularyNorms {
  /** [V] */
  readonly values: Float32Array;
  readonly #width: number;
  #filled = 0;

  constructor(vocabulary: number, width: number) {
    this.values = new Float32Array(vocabulary);
    this.#width = width;
  }

  /** @param rows whole ones, the next in order */
  add(rows: Float32Array): void {
    for (let start = 0; start < rows.length; start += this.#width) {
      let squares = 0;
      for (let i = start; i < start + this.#width; i++) squares += rows[i]! ** 2;
      this.values[this.#filled++] = Math.sqrt(squares);
    }
  }
}
