/**
 * Builds ONNX models in memory: a list of nodes, constants and references into weight files, encoded by the ONNX
 * project's own protobuf definition. Architectures are plain functions that call {@link GraphBuilder.node}, so a variant
 * of a graph is another call, not another file.
 */
import onnxProto from 'onnx-proto';
import type { DType } from '../pack/safetensors.js';

const { onnx } = onnxProto;
type Node = Readonly<onnxProto.onnx.INodeProto>;
type Value = onnxProto.onnx.IValueInfoProto;
type Initializer = onnxProto.onnx.ITensorProto;

/** The standard operator set: 20 is the first with GPT-2's Gelu. */
const opset = 20;

/** ONNX Runtime's own operators (contrib_ops); the standard has none that multiplies block-quantised matrices. */
const runtimeDomain = 'com.microsoft';
const runtimeOperators = new Set(['MatMulNBits', 'GatherBlockQuantized']);

export const elementTypes = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9, float16: 10 } as const;
type ElementType = keyof typeof elementTypes;

const storedTypes = { F32: 1, F16: 10, I8: 3, U8: 2 } as const satisfies Record<DType, number>;

/** A dimension: its size, or a name where it differs from run to run. */
type Dimension = number | string;

/** Whole numbers become INT attributes, others FLOAT; arrays INTS; text STRING. */
type Attributes = Readonly<Record<string, number | readonly number[] | string>>;

/** Bytes of a constant that stay in a file beside the model. */
interface ExternalTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The file's name in the folder of the weights. */
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

export class GraphBuilder {
  readonly #nodes: Node[] = [];
  readonly #initializers: Initializer[] = [];
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  /** Values that are outputs, and what the model calls them: an operator that only renames would copy the tensor. */
  readonly #published = new Map<string, string>();
  #names = 0;

  input(name: string, type: ElementType, shape: readonly Dimension[]): string {
    this.#inputs.push(valueInfo(name, type, shape));
    return name;
  }

  /** `value` as numbers of another type. */
  cast(value: string, type: ElementType): string {
    return this.node('Cast', [value], { to: elementTypes[type] });
  }

  /** Declares `value`, an operator's result, as an output of the model under `name`. */
  output(name: string, value: string, type: ElementType, shape: readonly Dimension[]): void {
    this.#published.set(value, name);
    this.#outputs.push(valueInfo(name, type, shape));
  }

  /** Adds an operator with one output and returns that output's name; an input that is left out is called ''. */
  node(operator: string, inputs: readonly string[], attributes: Attributes = {}): string {
    const output = this.#fresh(operator);
    this.#add(operator, inputs, [output], attributes);
    return output;
  }

  /** The same for an operator with two outputs. */
  node2(operator: string, inputs: readonly string[], attributes: Attributes = {}): [string, string] {
    const outputs: [string, string] = [this.#fresh(operator), this.#fresh(operator)];
    this.#add(operator, inputs, outputs, attributes);
    return outputs;
  }

  /** The same for an operator with three outputs. */
  node3(operator: string, inputs: readonly string[], attributes: Attributes = {}): [string, string, string] {
    const outputs: [string, string, string] = [this.#fresh(operator), this.#fresh(operator), this.#fresh(operator)];
    this.#add(operator, inputs, outputs, attributes);
    return outputs;
  }

  /** A float32 constant; a scalar if `shape` is empty. */
  floats(values: ArrayLike<number>, shape: readonly number[] = [values.length]): string {
    return this.#constant(elementTypes.float32, shape, Float32Array.from(values));
  }

  /** An int64 constant; a scalar if `shape` is empty. */
  integers(values: readonly number[], shape: readonly number[] = [values.length]): string {
    return this.#constant(elementTypes.int64, shape, BigInt64Array.from(values, BigInt));
  }

  /** A constant whose bytes stay where they are stored; the session maps them. */
  external(tensor: ExternalTensor): string {
    this.#initializers.push({
      name: tensor.name,
      dataType: storedTypes[tensor.dtype],
      dims: [...tensor.shape],
      dataLocation: onnx.TensorProto.DataLocation.EXTERNAL,
      externalData: [
        { key: 'location', value: tensor.file },
        { key: 'offset', value: String(tensor.offset) },
        { key: 'length', value: String(tensor.length) },
      ],
    });
    return tensor.name;
  }

  /** The encoded model. */
  build(name: string): Uint8Array {
    const published = (value: string): string => this.#published.get(value) ?? value;
    const node = this.#nodes.map((operator) => ({
      ...operator,
      input: operator.input!.map(published),
      output: operator.output!.map(published),
    }));
    return onnx.ModelProto.encode({
      irVersion: onnx.Version.IR_VERSION,
      opsetImport: [
        { domain: '', version: opset },
        { domain: runtimeDomain, version: 1 },
      ],
      graph: {
        name,
        node,
        initializer: this.#initializers,
        input: this.#inputs,
        output: this.#outputs,
      },
    }).finish();
  }

  #add(operator: string, inputs: readonly string[], outputs: readonly string[], attributes: Attributes): void {
    this.#nodes.push({
      opType: operator,
      domain: runtimeOperators.has(operator) ? runtimeDomain : '',
      name: `${operator}_${this.#nodes.length}`,
      input: [...inputs],
      output: [...outputs],
      attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
    });
  }

  #constant(dataType: number, shape: readonly number[], values: Float32Array | BigInt64Array): string {
    const name = this.#fresh('constant');
    const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    this.#initializers.push({ name, dataType, dims: [...shape], rawData });
    return name;
  }

  #fresh(stem: string): string {
    return `${stem}_${this.#names++}`;
  }
}

function attribute(name: string, value: number | readonly number[] | string): onnxProto.onnx.IAttributeProto {
  const { AttributeType } = onnx.AttributeProto;
  if (typeof value === 'string') return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
  if (typeof value !== 'number') return { name, type: AttributeType.INTS, ints: [...value] };
  return Number.isInteger(value)
    ? { name, type: AttributeType.INT, i: value }
    : { name, type: AttributeType.FLOAT, f: value };
}

function valueInfo(name: string, type: ElementType, shape: readonly Dimension[]): Value {
  const dim = shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: elementTypes[type], shape: { dim } } } };
}
