/**
 * Brings stored weights into a graph. Half and per-row 8-bit weights are widened to float32 by operators on constants,
 * which ONNX Runtime evaluates once when it creates the session. Matrices in blocks of 8 or 4 bit stay as they are:
 * the operators that multiply with them read the integers.
 */
import { basename } from 'node:path';
import { blockBytes, blockSize, type BlockBits } from '../pack/blockQuantisation.js';
import type { Safetensors, StoredTensor } from '../pack/safetensors.js';
import type { GraphBuilder } from './graph.js';

/** What an architecture builds with: a graph, and the weights that it can name. */
export interface Scope {
  readonly graph: GraphBuilder;
  readonly weights: Weights;
}

/** A block-quantised matrix of N rows: names of its uint8 values [N,blocks,bytes] and float32 scales [N,blocks]. */
interface BlockMatrix {
  readonly bits: BlockBits;
  readonly rows: number;
  readonly blocks: number;
  readonly values: string;
  readonly scales: string;
}

/** The weights of one file by their checkpoint names, each added to the graph when first asked for. */
export class Weights {
  readonly #graph: GraphBuilder;
  readonly #file: Safetensors;
  readonly #added = new Map<string, string>();

  constructor(graph: GraphBuilder, file: Safetensors) {
    this.#graph = graph;
    this.#file = file;
  }

  /** The float32 value of a tensor that is not stored in blocks. */
  float(name: string): string {
    const tensor = this.#stored(name);
    return this.#once(`${name}:float`, () => this.#widen(tensor, this.#external(tensor), tensor.name));
  }

  /** A 16-bit tensor that is computed with as it is; undefined if it is another, or is to be widened. */
  half(name: string): string | undefined {
    const tensor = this.#stored(name);
    return tensor.dtype === 'F16' && this.#file.halves === 'computed' ? this.#external(tensor) : undefined;
  }

  /** A block-quantised matrix, or undefined if it is stored otherwise. */
  blocks(name: string): BlockMatrix | undefined {
    const tensor = this.#stored(name);
    if (tensor.dtype !== 'U8') return undefined;
    const [rows = 0, blocks = 0, bytes = 0] = tensor.shape;
    return {
      bits: bytes === blockBytes(8) ? 8 : 4,
      rows,
      blocks,
      values: this.#external(tensor),
      scales: this.#external(this.#stored(`${name}.scale`)),
    };
  }

  /**
   * Rows `ids` [...] of the matrix `name` [rows,width] as float32 [...,width]. Only these rows are widened, so that no
   * float32 copy of a vocabulary is kept for the few tokens that are looked up.
   */
  rows(name: string, ids: string, width: number): string {
    const tensor = this.#stored(name);
    if (tensor.dtype === 'U8') return this.#blockRows(tensor, ids, width);
    const gather = (values: string): string => this.#graph.node('Gather', [values, ids], { axis: 0 });
    const isWhole =
      tensor.dtype === 'F16' ? this.#file.halves !== undefined : tensor.dtype === 'I8' && !this.#hasScalePerRow(tensor);
    if (isWhole) return gather(this.float(name));
    // Mapped a second time: a matrix that is multiplied with is packed and let go, of this one few pages are ever read.
    const values = this.#external({ ...tensor, name: `${tensor.name}:rows` });
    return this.#widen(tensor, gather(values), tensor.name, gather);
  }

  /**
   * The whole matrix `name` [rows,width] as float32, however it is stored. Blocks are widened by standard operators: those
   * of ONNX Runtime are not evaluated when it creates the session, and would widen a vocabulary for every image.
   */
  matrix(name: string, width: number): string {
    const matrix = this.blocks(name);
    if (!matrix) return this.float(name);
    return this.#once(`${name}:float`, () => this.#widenBlocks(matrix, width));
  }

  #widenBlocks({ bits, rows, blocks, values, scales }: BlockMatrix, width: number): string {
    const graph = this.#graph;
    const shaped = (value: string, shape: readonly number[]): string =>
      graph.node('Reshape', [value, graph.integers(shape)]);
    const count = rows * blocks;
    const integers = shaped(bits === 8 ? values : this.#halves(values), [count, blockSize]);
    const zeros = graph.node('Expand', [this.#byte(2 ** (bits - 1)), graph.integers([count])]);
    const widened = graph.node('DequantizeLinear', [integers, shaped(scales, [count]), zeros], { axis: 0 });
    return this.#cut(shaped(widened, [rows, blocks * blockSize]), blocks, width);
  }

  /** Bytes [...] → their lower and upper four bits [...,2]. */
  #halves(bytes: string): string {
    const graph = this.#graph;
    const lower = graph.node('BitwiseAnd', [bytes, this.#byte(15)]);
    const upper = graph.node('BitShift', [bytes, this.#byte(4)], { direction: 'RIGHT' });
    const last = graph.integers([-1]);
    const columns = [lower, upper].map((half) => graph.node('Unsqueeze', [half, last]));
    return graph.node('Concat', columns, { axis: -1 });
  }

  #byte(value: number): string {
    return this.#graph.cast(this.#graph.integers([value], []), 'uint8');
  }

  /** Without what fills a row's last block. */
  #cut(padded: string, blocks: number, width: number): string {
    if (width === blocks * blockSize) return padded;
    const [start, end, axis] = [0, width, -1].map((value) => this.#graph.integers([value]));
    return this.#graph.node('Slice', [padded, start!, end!, axis!]);
  }

  #widen(tensor: StoredTensor, values: string, name: string, pick = (scale: string): string => scale): string {
    if (tensor.dtype === 'F32') return values;
    const float = this.#graph.cast(values, 'float32');
    if (tensor.dtype === 'F16') return float;
    return this.#graph.node('Mul', [float, pick(this.#external(this.#stored(`${name}.scale`)))]);
  }

  #blockRows(tensor: StoredTensor, ids: string, width: number): string {
    const [rows = 0, blocks = 0, bytes = 0] = tensor.shape;
    // This operator takes the same bytes as rows without blocks.
    const flat = this.#external({ ...tensor, name: `${tensor.name}:rows`, shape: [rows, blocks * bytes] });
    const scales = this.#external(this.#stored(`${tensor.name}.scale`));
    const attributes = { bits: (8 * bytes) / blockSize, block_size: blockSize, gather_axis: 0, quantize_axis: 1 };
    return this.#cut(this.#graph.node('GatherBlockQuantized', [flat, ids, scales], attributes), blocks, width);
  }

  #hasScalePerRow({ name, shape }: StoredTensor): boolean {
    const scale = this.#stored(`${name}.scale`).shape;
    return scale.length === shape.length && scale[0] === shape[0];
  }

  #external(tensor: StoredTensor): string {
    return this.#once(tensor.name, () => this.#graph.external({ ...tensor, file: basename(this.#file.path) }));
  }

  #once(key: string, add: () => string): string {
    const known = this.#added.get(key);
    if (known !== undefined) return known;
    const value = add();
    this.#added.set(key, value);
    return value;
  }

  #stored(name: string): StoredTensor {
    const tensor = this.#file.tensors.get(name);
    if (!tensor) throw new Error(`${this.#file.path} has no tensor "${name}"`);
    return tensor;
  }
}
