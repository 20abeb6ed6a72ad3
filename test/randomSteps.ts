/** A language model that is a random function of what came before: what searches are tested with. */
import type { Steps } from '@clipcap/server/inference/search';
import { gaussian } from './randomPack.js';

export const vocabulary = 11;
export const noCheck = async (): Promise<void> => {};

/** Logits after an image's tokens: random, but always the same. */
export function logitsAfter(seed: number, image: number, tokens: readonly number[]): Float32Array {
  const mixed = [image, ...tokens].reduce((hash, value) => Math.imul(hash ^ (value + 0x9e37), 0x01000193) >>> 0, seed);
  return Float32Array.from({ length: vocabulary }, gaussian(mixed)).map((value) => 2 * value);
}

/** Keeps, for every row of the step before, the tokens that its cache would hold. */
export class RandomSteps implements Steps {
  readonly #seed: number;
  readonly rowsPerStep: number[] = [];
  #histories: { image: number; tokens: readonly number[] }[];

  /** @param images how many, or which: each has logits of its own */
  constructor(seed: number, images: number | readonly number[]) {
    this.#seed = seed;
    const numbers = typeof images === 'number' ? Array.from({ length: images }, (_, image) => image) : images;
    this.#histories = numbers.map((image) => ({ image, tokens: [] }));
  }

  first(): Promise<Float32Array> {
    return this.#logits();
  }

  next(rows: readonly number[], tokens: readonly number[]): Promise<Float32Array> {
    this.#histories = rows.map((row, i) => {
      const { image, tokens: before } = this.#histories[row]!;
      return { image, tokens: [...before, tokens[i]!] };
    });
    return this.#logits();
  }

  #logits(): Promise<Float32Array> {
    this.rowsPerStep.push(this.#histories.length);
    const rows = this.#histories.map(({ image, tokens }) => [...logitsAfter(this.#seed, image, tokens)]);
    return Promise.resolve(Float32Array.from(rows.flat()));
  }
}

/** The same logits after anything. */
export function constantSteps(logits: readonly number[], images = 1): Steps {
  const repeated = (rows: number): Promise<Float32Array> =>
    Promise.resolve(Float32Array.from({ length: rows * logits.length }, (_, i) => logits[i % logits.length]!));
  return { first: () => repeated(images), next: (rows) => repeated(rows.length) };
}

export function logSoftmax(logits: Float32Array): number[] {
  const sum = logits.reduce((total, value) => total + Math.exp(value), 0);
  return Array.from(logits, (value) => value - Math.log(sum));
}

export const idsOf = ({ tokens }: { readonly tokens: readonly { readonly id: number }[] }): number[] =>
  tokens.map(({ id }) => id);
