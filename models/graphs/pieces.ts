/**
 * Cuts a graph into pieces to be run one after another, each with few of the weights: a model that is run once need not be
 * in memory as a whole. Only for graphs that are built here: operators in order, none with a graph inside it.
 */
import onnxProto from 'onnx-proto';
import { elementTypes } from './graph.js';

const { onnx } = onnxProto;
type Node = onnxProto.onnx.INodeProto;
type Constant = onnxProto.onnx.ITensorProto;

/** What a value turned out to be. */
interface ValueType {
  readonly type: string;
  readonly dims: readonly number[];
}

export interface GraphPiece {
  /** Values that it takes: inputs of the graph, or outputs of pieces before it. */
  readonly inputs: readonly string[];
  /** Values that it gives: outputs of the graph, or inputs of pieces after it. */
  readonly outputs: readonly string[];
  /** Values that no piece after it takes and that are no outputs of the graph. */
  readonly finished: readonly string[];
  /**
   * The encoded piece.
   * @param typeOf its inputs: a graph does not say what its inner values are
   */
  build(typeOf: (input: string) => ValueType): Uint8Array;
}

/**
 * @param model an encoded graph
 * @param pieceBytes weights of a piece, as float32; a single one may be larger
 */
export function cutGraph(model: Uint8Array, pieceBytes: number): GraphPiece[] {
  const { graph: whole, ...rest } = onnx.ModelProto.decode(model);
  const { node: nodes = [], initializer, output } = whole ?? {};
  const constants = new Map((initializer ?? []).map((constant) => [constant.name ?? '', constant]));
  const groups = group(nodes ?? [], constants, pieceBytes);
  /** The last piece that takes a value. */
  const lastUse = new Map<string, number>();
  for (const [index, piece] of groups.entries()) for (const name of piece.flatMap(inputsOf)) lastUse.set(name, index);
  for (const { name } of output ?? []) lastUse.set(name ?? '', groups.length);

  return groups.map((node, index) => {
    const made = new Set(node.flatMap((operator) => operator.output ?? []));
    const taken = new Set(node.flatMap(inputsOf).filter((name) => !made.has(name)));
    const inputs = [...taken].filter((name) => !constants.has(name));
    const outputs = [...made].filter((name) => (lastUse.get(name) ?? 0) > index);
    return {
      inputs,
      outputs,
      finished: inputs.filter((name) => lastUse.get(name) === index),
      build: (typeOf) =>
        onnx.ModelProto.encode({
          ...rest,
          graph: {
            name: `${whole?.name ?? ''} ${index}`,
            node,
            initializer: [...taken].flatMap((name) => constants.get(name) ?? []),
            input: inputs.map((name) => ({ name, type: { tensorType: tensorType(typeOf(name)) } })),
            output: outputs.map((name) => ({ name })),
          },
        }).finish(),
    };
  });
}

/**
 * Operators in order, in groups; where the weights become too many, another begins. What is made of weights alone (widened
 * ones) stays with the operator that takes it.
 */
function group(nodes: readonly Node[], constants: ReadonlyMap<string, Constant>, pieceBytes: number): Node[][] {
  const groups: Node[][] = [[]];
  let read = new Set<string>();
  let ofWeights = new Set<string>();
  const bytes = (names: Iterable<string>): number =>
    [...names].reduce((sum, name) => sum + float32Bytes(constants.get(name)), 0);
  for (const node of nodes) {
    const weights = inputsOf(node).filter((name) => constants.has(name));
    const mayBegin = weights.some((name) => !read.has(name)) && !inputsOf(node).some((name) => ofWeights.has(name));
    if (mayBegin && groups.at(-1)!.length > 0 && bytes(new Set([...read, ...weights])) > pieceBytes) {
      groups.push([]);
      read = new Set();
      ofWeights = new Set();
    }
    groups.at(-1)!.push(node);
    for (const name of weights) read.add(name);
    if (inputsOf(node).every((name) => constants.has(name) || ofWeights.has(name))) {
      for (const name of node.output ?? []) ofWeights.add(name);
    }
  }
  return groups;
}

/** An input that is left out is called ''. */
function inputsOf({ input }: Node): string[] {
  return (input ?? []).filter((name) => name !== '');
}

function float32Bytes(constant: Constant | undefined): number {
  return (constant?.dims ?? []).reduce<number>((product, size) => product * Number(size), 4);
}

function tensorType({ type, dims }: ValueType): onnxProto.onnx.TypeProto.ITensor {
  const known = Object.entries(elementTypes).find(([name]) => name === type);
  if (!known) throw new Error(`a value between two pieces is of the type ${type}`);
  return { elemType: known[1], shape: { dim: dims.map((dimValue) => ({ dimValue })) } };
}
