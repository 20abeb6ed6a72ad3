/**
 * The step graph's keys and values between two runs: a row of `past_key_i` and `past_value_i` for each token that was
 * computed, in the order of computing. Rows are only added, never moved: which of them a sequence attends to is its own list.
 */
import { Tensor, type OnnxValue } from 'onnxruntime-node';
import type { LanguageModelManifest } from '@clipcap/models/pack/manifest';
import { output } from './provider.js';

type Outputs = Readonly<Record<string, OnnxValue>>;
type Sizes = Pick<LanguageModelManifest, 'layers' | 'width'>;

export interface KeyValueCache {
  /** R, so far. */
  readonly rows: number;
  /** What a run has to give for {@link KeyValueCache.take}. */
  readonly outputs: readonly string[];
  /** The graph's `past_*`, each float32 [R,D]. */
  feeds(): Readonly<Record<string, Tensor>>;
  /** Takes over what a run with these feeds gave. */
  take(outputs: Outputs): void;
  dispose(): void;
}

/**
 * In memory of ours, to which every run's rows are added. What ONNX Runtime returns is copied by its binding: with all rows
 * at every step, five beams of GPT-2 small took 1.12 × the time (2 cores).
 */
export class HostCache implements KeyValueCache {
  readonly outputs: readonly string[];
  readonly #width: number;
  readonly #parts: readonly string[];
  #used = 0;
  /** By part, all of one length, with room behind the rows. */
  #arrays: Float32Array<ArrayBuffer>[];

  constructor(model: Sizes) {
    this.#width = model.width;
    this.#parts = partsOf(model);
    this.outputs = this.#parts.map(addedName);
    this.#arrays = this.#parts.map(() => new Float32Array());
  }

  get rows(): number {
    return this.#used / this.#width;
  }

  feeds(): Readonly<Record<string, Tensor>> {
    const tensors = this.#arrays.map((values) => {
      return new Tensor('float32', values.subarray(0, this.#used), [this.rows, this.#width]);
    });
    return Object.fromEntries(this.#parts.map((part, index) => [pastName(part), tensors[index]!]));
  }

  take(outputs: Outputs): void {
    const added = this.#parts.map((part) => output(outputs, addedName(part), 'float32'));
    const { size } = added[0]!;
    const needed = this.#used + size;
    // The first run's are the prefix; a later run's are one position of each sequence.
    if (needed > this.#arrays[0]!.length) this.#grow(this.#used === 0 ? needed : needed + roomForSteps * size);
    for (const [index, tensor] of added.entries()) {
      this.#arrays[index]!.set(tensor.data, this.#used);
      tensor.dispose();
    }
    this.#used += size;
  }

  dispose(): void {
    this.#used = 0;
    this.#arrays = [];
  }

  /** At least doubled: all copies together are no more than the values. */
  #grow(needed: number): void {
    this.#arrays = this.#arrays.map((before) => {
      const after = new Float32Array(Math.max(needed, 2 * before.length));
      after.set(before);
      return after;
    });
  }
}

/** Most captions have no more tokens. */
const roomForSteps = 16;

/** In tensors that ONNX Runtime keeps on the device: each run's `present_*` are the next one's `past_*`. */
export class DeviceCache implements KeyValueCache {
  readonly outputs: readonly string[];
  readonly #parts: readonly string[];
  #tensors: readonly Tensor[];

  constructor(model: Sizes) {
    this.#parts = partsOf(model);
    this.outputs = this.#parts.map(presentName);
    this.#tensors = this.#parts.map(() => new Tensor('float32', new Float32Array(), [0, model.width]));
  }

  get rows(): number {
    return this.#tensors[0]!.dims[0]!;
  }

  feeds(): Readonly<Record<string, Tensor>> {
    return Object.fromEntries(this.#parts.map((part, index) => [pastName(part), this.#tensors[index]!]));
  }

  take(outputs: Outputs): void {
    this.dispose();
    this.#tensors = this.#parts.map((part) => output(outputs, presentName(part), 'float32'));
  }

  dispose(): void {
    for (const tensor of this.#tensors) tensor.dispose();
  }
}

/** The outputs that a {@link DeviceCache} needs to be kept on the device. */
export function presentNames(model: Sizes): string[] {
  return partsOf(model).map(presentName);
}

/** What the graph is given when nothing was computed before. */
export function emptyPast(model: Sizes): Readonly<Record<string, Tensor>> {
  return new DeviceCache(model).feeds();
}

/**
 * What the keys and values of an image's caption take at most in bytes: twice what their rows do, for room that is
 * not used yet (a short caption's is at least for 16 steps), or on a device for the step before.
 * @param rows of all steps together: positions that are computed once, and those that every beam has for itself
 */
export function cacheBytes({ layers, width }: Sizes, rows: number): number {
  return 2 * (2 * layers * width * rows * Float32Array.BYTES_PER_ELEMENT);
}

/** As the graph's names end. */
function partsOf({ layers }: Sizes): string[] {
  return Array.from({ length: layers }, (_, layer) => [`key_${layer}`, `value_${layer}`]).flat();
}

const pastName = (part: string): string => `past_${part}`;
const addedName = (part: string): string => `added_${part}`;
const presentName = (part: string): string => `present_${part}`;
