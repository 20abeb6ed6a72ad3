/** What all views light up together: a prefix position, a token of the caption, a word of the vocabulary, a part of the image. */

/** In shares of the upright image's width and height. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Highlight {
  readonly position?: number;
  /** Index in the caption. */
  readonly token?: number;
  /** Id in the vocabulary. */
  readonly word?: number;
  readonly region?: Region;
}

/** Pointing at something lights it up until the pointer leaves; what is pinned stays until it is pinned again. */
export class Highlights {
  #hovered: Highlight | undefined;
  #pinned: Highlight;
  readonly #keep: (pinned: Highlight) => void;
  readonly #listeners = new Set<(highlight: Highlight) => void>();

  /** `pinned` is what was pinned before; `keep` is told of what is pinned from now on. */
  constructor(pinned: Highlight = {}, keep: (pinned: Highlight) => void = () => undefined) {
    this.#pinned = pinned;
    this.#keep = keep;
  }

  get current(): Highlight {
    return this.#hovered ?? this.#pinned;
  }

  get pinned(): Highlight {
    return this.#pinned;
  }

  hover(highlight: Highlight): void {
    this.#hovered = highlight;
    this.#tell();
  }

  leave(): void {
    if (this.#hovered === undefined) return;
    this.#hovered = undefined;
    this.#tell();
  }

  /** Pins, or unpins what is pinned already. */
  pin(highlight: Highlight): void {
    this.#pinned = isSame(this.#pinned, highlight) ? {} : highlight;
    this.#keep(this.#pinned);
    this.#tell();
  }

  /** Tells of every change from now on, and of the present state at once. Returns what ends it. */
  listen(listener: (highlight: Highlight) => void): () => void {
    this.#listeners.add(listener);
    listener(this.current);
    return () => this.#listeners.delete(listener);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener(this.current);
  }
}

function isSame(one: Highlight, other: Highlight): boolean {
  return (
    one.position === other.position &&
    one.token === other.token &&
    one.word === other.word &&
    one.region?.x === other.region?.x &&
    one.region?.y === other.region?.y &&
    one.region?.width === other.region?.width
  );
}
