/** How far a long run is, and the caption in the making, on one line of a terminal; nowhere else. */

const clearLine = '\r\u001b[K';

export class Progress {
  readonly #stream: NodeJS.WriteStream;
  #count = '';
  #shown = '';

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  /** Whether anyone can see it. */
  get visible(): boolean {
    return this.#stream.isTTY;
  }

  show(done: number, total: number): void {
    this.#count = `${done} of ${total} ${total === 1 ? 'image' : 'images'}`;
    this.#draw(this.#count);
  }

  /** The caption that comes next, as far as it goes. It must hold no control characters. */
  grow(caption: string): void {
    this.#draw(`${this.#count}  ${caption}`);
  }

  /** Any other line about how far it is. It must hold no control characters. */
  line(text: string): void {
    this.#draw(text);
  }

  /** Prints text to a stream that may be the same terminal. */
  print(stream: NodeJS.WriteStream, text: string): void {
    if (this.#shown !== '') this.#stream.write(clearLine);
    stream.write(text);
    if (this.#shown !== '') this.#stream.write(this.#shown);
  }

  /** A message beside the progress. */
  say(text: string): void {
    this.print(this.#stream, text);
  }

  clear(): void {
    if (this.#shown !== '') this.#stream.write(clearLine);
    this.#shown = '';
  }

  /** A line that is too long would wrap, and stay when it is cleared. */
  #draw(line: string): void {
    if (!this.visible) return;
    this.#shown = Array.from(line)
      .slice(0, (this.#stream.columns || 80) - 1)
      .join('');
    this.#stream.write(clearLine + this.#shown);
  }
}
