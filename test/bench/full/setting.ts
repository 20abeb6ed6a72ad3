/** What every section of the bench is given. */
import type { PackDType } from '@clipcap/models/pack/manifest';

export type MeasuredDType = Exclude<PackDType, 'mixed'>;

export interface Setting {
  /** Fresh processes for each figure: one can be lucky with its memory's layout. */
  readonly processes: number;
  /** A Python that has the peers. */
  readonly python: string | undefined;
  /** Folders of packs with the same weights. */
  readonly packs: Readonly<Record<MeasuredDType, string>>;
  /** File of float32 prefixes [N,10,768]. */
  readonly prefixes: string;
  /** Photos of 500×375. */
  readonly photos: readonly string[];
}

/** The length of every measured caption. */
export const tokens = 20;

/** Samples by the name of their figure. */
export class Samples {
  readonly #samples = new Map<string, number[]>();

  add(name: string, value: number): void {
    const known = this.#samples.get(name);
    if (known) known.push(value);
    else this.#samples.set(name, [value]);
  }

  /** Empty if nothing was measured. */
  of(name: string): readonly number[] {
    return this.#samples.get(name) ?? [];
  }

  /** Takes over the median of each figure of `other`. */
  addMedians(other: Samples): void {
    for (const [name, values] of other.#samples) this.add(name, median(values));
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)]! + sorted[Math.ceil((sorted.length - 1) / 2)]!) / 2;
}
