/** Small pictures of images that the page may not load itself, kept once they are there. */

/** Some 8 KB each. */
const kept = 400;

export class Thumbnails {
  readonly #ask: (uri: string, signal: AbortSignal) => Promise<string>;
  readonly #known = new Map<string, string>();

  constructor(ask: (uri: string, signal: AbortSignal) => Promise<string>) {
    this.#ask = ask;
  }

  /** A data URI. Rejects with why there is none, or as soon as `signal` ends it. */
  async of(uri: string, signal: AbortSignal): Promise<string> {
    const known = this.#known.get(uri);
    if (known !== undefined) return known;
    const source = await this.#ask(uri, signal);
    this.#known.set(uri, source);
    const [oldest] = this.#known.keys();
    if (this.#known.size > kept && oldest !== undefined) this.#known.delete(oldest);
    return source;
  }
}
