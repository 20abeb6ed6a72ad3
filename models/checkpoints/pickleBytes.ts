/** The bytes of a pickle, read one after the other: numbers, texts and lines, as its instructions have them. */

const maxIntegerBytes = 64;

export class PickleBytes {
  readonly #bytes: Buffer;
  readonly #damaged: (what: string) => Error;
  #position = 0;

  /** @param damaged what is thrown where the bytes end too early or cannot be what they should */
  constructor(bytes: Buffer, damaged: (what: string) => Error) {
    this.#bytes = bytes;
    this.#damaged = damaged;
  }

  /** Of the next byte. */
  get position(): number {
    return this.#position;
  }

  byte(): number {
    const value = this.#bytes[this.#position++];
    if (value === undefined) throw this.#damaged('it is cut off');
    return value;
  }

  /** The next bytes, as a view. */
  take(length: number): Buffer {
    const end = this.#position + length;
    if (length < 0 || end > this.#bytes.length) throw this.#damaged('it is cut off');
    const bytes = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return bytes;
  }

  /** A length of 64 bits. */
  wide(): number {
    const value = this.take(8).readBigUInt64LE();
    if (value > BigInt(this.#bytes.length)) throw this.#damaged('it is cut off');
    return Number(value);
  }

  /** A signed integer of any length; a number where it is one exactly. */
  integer(length: number): number | bigint {
    if (length < 0 || length > maxIntegerBytes) throw this.#damaged(`a number has ${length} bytes`);
    const bytes = this.take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    value = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  /** A line with an integer, which may end in L; `01` and `00` are true and false. */
  decimal(): number | bigint | boolean {
    const line = this.line();
    if (line === '01' || line === '00') return line === '01';
    const [, digits] = /^(-?\d{1,64})L?$/u.exec(line) ?? [];
    if (digits === undefined) throw this.#damaged('a number is none');
    const value = Number(digits);
    return Number.isSafeInteger(value) ? value : BigInt(digits);
  }

  text(length: number): string {
    return this.take(length).toString('utf8');
  }

  /** Text up to the end of the line. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#position);
    if (end < 0) throw this.#damaged('it is cut off');
    const text = this.text(end - this.#position);
    this.#position++;
    return text;
  }
}
