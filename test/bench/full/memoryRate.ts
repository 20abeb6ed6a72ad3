/** How fast this machine reads memory: what a decoder step waits for, and what differs most from host to host. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { GraphBuilder } from '@clipcap/models/graphs/graph';
import { sessionOptions } from '@clipcap/server/inference/sessionOptions';
import { figure } from '../statistics.js';

const megabytes = 512;
const runs = 8;

/** @returns GB/s of all threads together: the median of some sums over more memory than any cache holds */
export async function memoryRate(): Promise<number> {
  const length = (megabytes * 2 ** 20) / Float32Array.BYTES_PER_ELEMENT;
  const graph = new GraphBuilder();
  const values = graph.input('values', 'float32', [64, length / 64]);
  graph.output('sums', graph.node('ReduceSum', [values, graph.integers([1])], { keepdims: 0 }), 'float32', [64]);
  const session = await InferenceSession.create(graph.build('memory'), sessionOptions('cpu'));
  const feeds = { values: new Tensor('float32', new Float32Array(length).fill(1), [64, length / 64]) };
  const rates: number[] = [];
  for (let run = 0; run <= runs; run++) {
    const start = performance.now();
    await session.run(feeds);
    if (run > 0) rates.push((length * Float32Array.BYTES_PER_ELEMENT) / 1e6 / (performance.now() - start));
  }
  await session.release();
  return figure(rates).median;
}
