/** How far a long run is, on one line of a terminal; nowhere else. */

const clearLine = '\r\u001b[K';

export class Progress {
  readonly #stream: NodeJS.WriteStream;
  #shown = '';

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show(done: number, total: number): void {
    if (!this.#stream.isTTY) return;
    this.#shown = `${done} of ${total} ${total === 1 ? 'image' : 'images'}`;
    this.#stream.write(clearLine + this.#shown);
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
}
