/**
 * Brings stored weights into a graph as float32. Half and 8-bit weights are widened by operators on constants, which
 * ONNX Runtime evaluates once when it creates the session: inference itself runs in float32.
 */
import { basename } from 'node:path';
import type { Safetensors, StoredTensor } from '../pack/safetensors.js';
import { elementTypes, type GraphBuilder } from './graph.js';

/** Looks a weight up by its checkpoint name; gives the name of its float32 value in the graph. */
export type Weights = (name: string) => string;

/** Weights of `file`, each added to the graph when first asked for. */
export function weightsOf(graph: GraphBuilder, file: Safetensors): Weights {
  const widened = new Map<string, string>();
  return (name) => {
    const known = widened.get(name);
    if (known !== undefined) return known;
    const value = widen(graph, file, stored(file, name));
    widened.set(name, value);
    return value;
  };
}

function widen(graph: GraphBuilder, file: Safetensors, tensor: StoredTensor): string {
  const location = basename(file.path);
  const value = graph.external({ ...tensor, file: location });
  if (tensor.dtype === 'F32') return value;
  const float = graph.node('Cast', [value], { to: elementTypes.float32 });
  if (tensor.dtype === 'F16') return float;
  const scale = graph.external({ ...stored(file, `${tensor.name}.scale`), file: location });
  return graph.node('Mul', [float, scale]);
}

function stored(file: Safetensors, name: string): StoredTensor {
  const tensor = file.tensors.get(name);
  if (!tensor) throw new Error(`${file.path} has no tensor "${name}"`);
  return tensor;
}
