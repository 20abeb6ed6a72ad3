/** A language model that computes the whole sequence again at every step: what cached decoding is compared with. */
import type { Steps } from '@clipcap/server/inference/search';

export type LogitsAfter = (image: number, tokens: readonly number[]) => readonly number[];

export class NaiveSteps implements Steps {
  readonly #logitsAfter: LogitsAfter;
  #histories: { readonly image: number; readonly tokens: readonly number[] }[];

  constructor(images: number, logitsAfter: LogitsAfter) {
    this.#logitsAfter = logitsAfter;
    this.#histories = Array.from({ length: images }, (_, image) => ({ image, tokens: [] }));
  }

  first(): Promise<Float32Array> {
    const rows = this.#histories.flatMap(({ image, tokens }) => this.#logitsAfter(image, tokens));
    return Promise.resolve(Float32Array.from(rows));
  }

  next(rows: readonly number[], tokens: readonly number[]): Promise<Float32Array> {
    this.#histories = rows.map((row, i) => {
      const { image, tokens: before } = this.#histories[row]!;
      return { image, tokens: [...before, tokens[i]!] };
    });
    return this.first();
  }
}
