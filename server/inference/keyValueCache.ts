/**
 * The step graph's keys and values between two runs: a row of `past_key_i` and `past_value_i` [R,D] for each token that was
 * computed, in the order of computing. Rows are added and forgotten, never exchanged: a sequence has its own list of them.
 */
import { Tensor, type OnnxValue } from 'onnxruntime-node';
import type { LanguageModelManifest } from '@clipcap/models/pack/manifest';
import { outOfMemory, output } from './provider.js';

type Outputs = Readonly<Record<string, OnnxValue>>;
type Sizes = Pick<LanguageModelManifest, 'layers' | 'width'>;

export interface KeyValueCache {
  /** What a run has to give for {@link KeyValueCache.take}. */
  readonly outputs: readonly string[];
  /** R, so far. */
  readonly rows: number;
  /** The graph's `past_*`, each float32 [R,D]; they are valid until the next call of another method. */
  feeds(): Readonly<Record<string, Tensor>>;
  /**
   * Takes over what a run with these feeds gave.
   * @throws CaptionError `out-of-memory`
   */
  take(outputs: Outputs): void;
  /** Forgets all rows but `rows`, ascending, which become the first ones. Absent where rows cannot be reached. */
  retain?(rows: readonly number[]): void;
  dispose(): void;
}

/**
 * In memory of ours, to which every run's rows are added. The binding for Node copies all outputs, preallocated ones, too:
 * fetching every row at every step would cost more than reading them.
 */
export class HostCache implements KeyValueCache {
  readonly outputs: readonly string[];
  readonly #width: number;
  readonly #parts: readonly string[];
  /** By part, all of one length, with room behind what is used. */
  #arrays: Float32Array<ArrayBuffer>[];
  #used = 0;

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
    return byName(this.#parts, tensors);
  }

  take(outputs: Outputs): void {
    const added = this.#parts.map((part) => output(outputs, addedName(part), 'float32'));
    const { size } = added[0]!;
    const needed = this.#used + size;
    // The first run's are the prefix; a later run's are one position of each sequence.
    if (needed > this.#arrays[0]!.length) this.#grow(this.#used === 0 ? needed : needed + stepsOfRoom * size);
    for (const [index, tensor] of added.entries()) {
      this.#arrays[index]!.set(tensor.data, this.#used);
      tensor.dispose();
    }
    this.#used = needed;
  }

  retain(rows: readonly number[]): void {
    for (const values of this.#arrays) {
      for (const [to, from] of rows.entries()) {
        values.copyWithin(to * this.#width, from * this.#width, (from + 1) * this.#width);
      }
    }
    this.#used = rows.length * this.#width;
  }

  dispose(): void {
    this.#used = 0;
    this.#arrays = this.#parts.map(() => new Float32Array());
  }

  /** Doubling keeps all copying together below the size of the values. */
  #grow(needed: number): void {
    for (const [index, before] of this.#arrays.entries()) {
      const after = allocate(Math.max(needed, 2 * before.length));
      after.set(before.subarray(0, this.#used));
      this.#arrays[index] = after;
    }
  }
}

/** Most captions end within as many. */
const stepsOfRoom = 16;

/** In tensors that ONNX Runtime keeps on the device: each run's `present_*` are the next one's `past_*`. */
export class DeviceCache implements KeyValueCache {
  readonly outputs: readonly string[];
  readonly #parts: readonly string[];
  #tensors: readonly Tensor[];

  constructor(model: Sizes) {
    this.#parts = partsOf(model);
    this.outputs = presentNames(model);
    this.#tensors = emptyTensors(model);
  }

  get rows(): number {
    return this.#tensors[0]!.dims[0]!;
  }

  feeds(): Readonly<Record<string, Tensor>> {
    return byName(this.#parts, this.#tensors);
  }

  take(outputs: Outputs): void {
    const present = this.#parts.map((part) => output(outputs, presentName(part), 'float32'));
    this.dispose();
    this.#tensors = present;
  }

  dispose(): void {
    for (const tensor of this.#tensors) tensor.dispose();
  }
}

/** The outputs that have to be kept on the device for a {@link DeviceCache}. */
export function presentNames(model: Sizes): string[] {
  return partsOf(model).map(presentName);
}

/** What the graph is given when nothing was computed before. */
export function emptyPast(model: Sizes): Readonly<Record<string, Tensor>> {
  return byName(partsOf(model), emptyTensors(model));
}

/**
 * Bytes of an image's keys and values when its caption is as long as it may be, were no row forgotten; twice, because the
 * room for them doubles, or because a device keeps those of the step before until a step ends.
 */
export function cacheBytes({ layers, width }: Sizes, rows: number): number {
  return 2 * (2 * layers * width * rows * Float32Array.BYTES_PER_ELEMENT);
}

function allocate(length: number): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(length);
  } catch (cause) {
    throw outOfMemory(cause);
  }
}

function emptyTensors(model: Sizes): Tensor[] {
  return partsOf(model).map(() => new Tensor('float32', new Float32Array(), [0, model.width]));
}

function byName(parts: readonly string[], tensors: readonly Tensor[]): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(parts.map((part, index) => [`past_${part}`, tensors[index]!]));
}

/** How the names of the graph's inputs and outputs end. */
function partsOf({ layers }: Sizes): string[] {
  return Array.from({ length: layers }, (_, layer) => [`key_${layer}`, `value_${layer}`]).flat();
}

const addedName = (part: string): string => `added_${part}`;
const presentName = (part: string): string => `present_${part}`;
