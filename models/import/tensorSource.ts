/** Where a pack's tensors come from: values that are read when they are written, in pieces, whatever layout they had. */
import type { Checkpoint } from '../checkpoints/checkpoint.js';

export interface TensorSource {
  readonly shape: readonly number[];
  /**
   * Values as float32, row-major, in pieces of whole rows.
   * @param transposed reads a matrix column by column
   */
  read(transposed?: boolean): AsyncIterable<Float32Array>;
}

/** By the names that packs use. */
export type TensorSources = Map<string, TensorSource>;

/** A checkpoint's tensor as it is. */
export function stored(checkpoint: Checkpoint, name: string): TensorSource {
  return {
    shape: checkpoint.tensor(name)!.shape,
    read: (transposed = false) => checkpoint.read(name, { transposed }),
  };
}

/** A matrix with its rows and columns exchanged. */
export function turned(source: TensorSource): TensorSource {
  return { shape: source.shape.toReversed(), read: (transposed = false) => source.read(!transposed) };
}

/** Tensors one below the other, along the first dimension. They are never asked for transposed. */
export function stacked(sources: readonly TensorSource[]): TensorSource {
  const [, ...inner] = sources[0]!.shape;
  const rows = sources.reduce((sum, { shape }) => sum + shape[0]!, 0);
  return {
    shape: [rows, ...inner],
    async *read(transposed) {
      if (transposed) throw new Error('stacked tensors are read row by row');
      for (const source of sources) yield* source.read();
    },
  };
}

/** Values that are computed when they are asked for. */
export function computed(shape: readonly number[], compute: () => Promise<Float32Array>): TensorSource {
  return {
    shape,
    async *read() {
      yield await compute();
    },
  };
}

/** All values of a tensor. */
export async function readWhole(source: TensorSource): Promise<Float32Array> {
  const values = new Float32Array(source.shape.reduce((product, size) => product * size, 1));
  let filled = 0;
  for await (const piece of source.read()) {
    values.set(piece, filled);
    filled += piece.length;
  }
  return values;
}
