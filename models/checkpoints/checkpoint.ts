/** A checkpoint as the import sees it: named tensors that are read when asked for, whatever file format they are in. */
import type { CheckpointFile } from './checkpointFile.js';
import type { DType } from './dtype.js';
import { checkRepeats, readView, transposed, type TensorView } from './tensorView.js';

export type TensorFormat = 'pytorch' | 'torchscript' | 'safetensors' | 'huggingface';

interface TensorInfo {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Equal for tied tensors, which are the same elements in the same order; different for all others. */
  readonly identity: string;
}

export interface ReadOptions {
  /** Reads a matrix column by column: values are those of the transposed matrix, row by row. */
  readonly transposed?: boolean;
}

export interface Checkpoint {
  readonly format: TensorFormat;
  /** The file, or the folder of a Hugging Face model. */
  readonly path: string;
  /** A Hugging Face folder's parsed `config.json`. */
  readonly config?: unknown;
  /** What a training script kept beside the weights. */
  readonly hyperParameters?: Readonly<Record<string, unknown>>;
  /** In the file's order. */
  names(): readonly string[];
  /** @throws CaptionError `checkpoint-invalid` for a shape that has more values than the file has bytes */
  tensor(name: string): TensorInfo | undefined;
  /**
   * Values as float32 in row-major order, in pieces of at most 4 MB that hold whole rows (the last dimension) where a row
   * fits. Pieces are the caller's to keep. Reading holds at most 12 MB beside them.
   * @throws CaptionError `checkpoint-invalid` if the file ends too early
   */
  read(name: string, options?: ReadOptions): AsyncIterable<Float32Array>;
  /** Closes its files; nothing can be read afterwards. */
  close(): Promise<void>;
}

/** What a file format's reader finds out. */
export interface CheckpointParts {
  readonly format: TensorFormat;
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorView>;
  readonly files: readonly CheckpointFile[];
  readonly config?: unknown;
  readonly hyperParameters?: Readonly<Record<string, unknown>>;
}

export function checkpointOf({ tensors, files, ...rest }: CheckpointParts): Checkpoint {
  return {
    ...rest,
    names: () => [...tensors.keys()],
    tensor(name) {
      const view = tensors.get(name);
      if (view) checkRepeats(name, view);
      return view && { shape: view.shape, dtype: view.dtype, identity: identity(view, files) };
    },
    read(name, options = {}) {
      const view = tensors.get(name);
      if (!view) throw new Error(`${rest.path} has no tensor ${JSON.stringify(name)}`);
      return readView(name, options.transposed ? transposed(view) : view);
    },
    async close() {
      await Promise.all(files.map((file) => file.close()));
    },
  };
}

function identity(
  { file, dtype, shape, strides, offset, storage }: TensorView,
  files: readonly CheckpointFile[],
): string {
  return JSON.stringify([files.indexOf(file), storage.begin, dtype, offset, shape, strides]);
}
