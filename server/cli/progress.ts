/** How far a long run is, and the caption in the making: one line of a terminal, and messages to an editor that forked us. */

const clearLine = '\r\u001b[K';

export class Progress {
  readonly #stream: NodeJS.WriteStream;
  #count = '';
  #shown = '';
  /** What the editor was told last. */
  #told = '';

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

  /**
   * Any other line about how far it is. It must hold no control characters.
   * @param told what the editor is told of it
   */
  line(text: string, told = text): void {
    this.#draw(text);
    if (told === this.#told) return;
    this.#told = told;
    // An editor that has just closed the channel is no failure.
    if (process.connected) process.send?.(told, undefined, undefined, () => undefined);
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
    const shown = Array.from(line)
      .slice(0, (this.#stream.columns || 80) - 1)
      .join('');
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#stream.write(clearLine + this.#shown);
  }
}
