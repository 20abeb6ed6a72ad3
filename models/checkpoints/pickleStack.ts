/** The stack of a pickle's machine. A mark lays a new one on it, whose values become a container's when it is taken off. */
import type { PickleValue } from './pickleValues.js';

/** Nested marks: how deep containers that are still open may lie. */
const maxOpen = 1000;

export class PickleStack {
  readonly #damaged: (what: string) => Error;
  /** The stacks below the open marks. */
  readonly #marked: PickleValue[][] = [];
  #values: PickleValue[] = [];

  /** @param damaged what is thrown where a value or a mark is missing */
  constructor(damaged: (what: string) => Error) {
    this.#damaged = damaged;
  }

  /** Whether nothing lies above the last mark. */
  get isEmpty(): boolean {
    return this.#values.length === 0;
  }

  push(value: PickleValue): void {
    this.#values.push(value);
  }

  top(): PickleValue {
    const value = this.#values.at(-1);
    if (value === undefined) throw this.#damaged('a value is missing');
    return value;
  }

  pop(): PickleValue {
    const value = this.#values.pop();
    if (value === undefined) throw this.#damaged('a value is missing');
    return value;
  }

  /** The last values, in the order in which they were pushed. */
  popMany(count: number): PickleValue[] {
    if (this.#values.length < count) throw this.#damaged('a value is missing');
    return this.#values.splice(-count);
  }

  mark(): void {
    if (this.#marked.length >= maxOpen) throw this.#damaged('it is nested too deep');
    this.#marked.push(this.#values);
    this.#values = [];
  }

  /** Everything above the last mark, which goes. */
  popMark(): PickleValue[] {
    const items = this.#values;
    const below = this.#marked.pop();
    if (!below) throw this.#damaged('a mark is missing');
    this.#values = below;
    return items;
  }
}
