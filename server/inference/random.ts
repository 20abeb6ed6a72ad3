/**
 * Random numbers that are the same on every machine for the same seed: xoshiro128** (Blackman and Vigna 2018), which
 * needs 32-bit integers alone. Every stream of a seed is a sequence of its own.
 */

export class Random {
  readonly #state: Uint32Array;

  /** @param state four words, not all zero */
  constructor(state: readonly [number, number, number, number]) {
    this.#state = Uint32Array.from(state);
  }

  /** Stream `stream` of `seed`, both 0 … 2³²−1: the state is what splitmix32 makes of the two. */
  static of(seed: number, stream: number): Random {
    const next = splitmix32(splitmix32(seed)() ^ stream);
    return new Random([next(), next(), next(), next()]);
  }

  /** A whole number 0 … 2³²−1. */
  word(): number {
    const s = this.#state;
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = s;
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    const a = s2 ^ s0;
    const b = s3 ^ s1;
    s[1] = s1 ^ a;
    s[0] = s0 ^ b;
    s[2] = a ^ (s1 << 9);
    s[3] = rotateLeft(b, 11);
    return result;
  }

  /** A number 0 ≤ u < 1 with 53 random bits. */
  uniform(): number {
    const high = this.word() >>> 5;
    const low = this.word() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }
}

/** Fills a state from one word: a counter, mixed by MurmurHash3's finaliser. */
function splitmix32(seed: number): () => number {
  let counter = seed >>> 0;
  return () => {
    counter = (counter + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(counter ^ (counter >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
