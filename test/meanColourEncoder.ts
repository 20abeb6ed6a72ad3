/** A ready ONNX encoder that is small enough to be made by a test. */
import { GraphBuilder } from '@clipcap/models/graphs/graph';

/** An encoder of the mean colour, with outputs of these names and widths. */
export function meanColourEncoder(input: string, outputs: Readonly<Record<string, number>>): Uint8Array {
  const graph = new GraphBuilder();
  const pixels = graph.input(input, 'float32', ['N', 3, 16, 16]);
  const colour = graph.node('Flatten', [graph.node('GlobalAveragePool', [pixels])], { axis: 1 });
  for (const [name, size] of Object.entries(outputs)) {
    const values = Array.from({ length: 3 * size }, (_, i) => Math.sin(i + size));
    graph.output(name, graph.node('MatMul', [colour, graph.floats(values, [3, size])]), 'float32', ['N', size]);
  }
  return graph.build('encoder');
}
