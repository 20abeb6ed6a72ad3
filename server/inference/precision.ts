/** In which precision a provider computes the 16-bit packs: in 16 bit where it can, in 32 where not. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { GraphBuilder } from '@clipcap/models/graphs/graph';
import type { Pack } from '@clipcap/models/pack/openPack';
import type { Provider } from './provider.js';
import { sessionOptions } from './sessionOptions.js';

/** The pack as graphs for `provider` are to be built from it. */
export async function inPrecisionOf(provider: Provider, pack: Pack): Promise<Pack> {
  // On x64 the CPU has no kernels for 16 bit: it would widen the weights at every run.
  if (provider === 'cpu' || pack.manifest.dtype !== 'fp16') return pack;
  const halves = (await multipliesHalves(provider)) ? 'computed' : 'widened';
  return { ...pack, weights: { ...pack.weights, halves } };
}

const size = 8;
const fatal = 4;

/** A device says only when a kernel runs whether it has 16-bit numbers: not every graphics processor does. */
async function multipliesHalves(provider: Provider): Promise<boolean> {
  const graph = new GraphBuilder();
  const x = graph.cast(graph.input('x', 'float32', [size, size]), 'float16');
  graph.output('y', graph.cast(graph.node('MatMul', [x, x]), 'float32'), 'float32', [size, size]);
  // A refusal is an answer here, nothing for the log.
  const quiet = { logSeverityLevel: fatal } as const;
  let session: InferenceSession | undefined;
  try {
    session = await InferenceSession.create(graph.build('halves'), { ...sessionOptions(provider), ...quiet });
    const ones = new Tensor('float32', new Float32Array(size * size).fill(1), [size, size]);
    const { y } = await session.run({ x: ones }, ['y'], quiet);
    return y instanceof Tensor && y.data[0] === size;
  } catch {
    return false;
  } finally {
    await session?.release();
  }
}
