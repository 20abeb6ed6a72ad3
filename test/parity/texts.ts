/** The texts and ids of generate_tokenizer.py, made again: see its `Draws`, which fixes them. */

export interface TextSource {
  readonly vocabulary: number;
  readonly pieces: readonly string[];
  readonly spaces: readonly string[];
  readonly ranges: readonly (readonly [first: number, last: number])[];
}

export class Draws {
  readonly #source: TextSource;
  #x: number;

  constructor(source: TextSource, seed: number) {
    this.#source = source;
    this.#x = seed;
  }

  text(): string {
    const { pieces, spaces, ranges } = this.#source;
    const parts: string[] = [];
    for (let left = 1 + this.#below(12); left > 0; left--) {
      const kind = this.#below(4);
      if (kind < 2) {
        parts.push(this.#pick(pieces));
      } else if (kind === 2) {
        const [first, last] = this.#pick(ranges);
        for (let characters = 1 + this.#below(6); characters > 0; characters--) {
          parts.push(String.fromCodePoint(first + this.#below(last - first + 1)));
        }
      } else {
        const space = this.#pick(spaces);
        parts.push(space.repeat(1 + this.#below(3)));
      }
      parts.push(this.#pick(spaces.slice(0, 4)));
    }
    return parts.join('') || 'a';
  }

  ids(): number[] {
    return Array.from({ length: 1 + this.#below(20) }, () => this.#below(this.#source.vocabulary));
  }

  #below(n: number): number {
    this.#x = (Math.imul(1664525, this.#x) + 1013904223) >>> 0;
    return (this.#x >>> 8) % n;
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#below(items.length)]!;
  }
}
