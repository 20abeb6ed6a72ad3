/** How ONNX Runtime's sessions are configured, for each execution provider. */
import type { InferenceSession } from 'onnxruntime-node';
import { availableParallelism } from 'node:os';
import type { Provider } from '@clipcap/protocol/provider';

/** What a session needs beyond its graph. */
export interface SessionNeeds {
  /** Where the graph's external data lie. */
  readonly weightsFolder?: string | undefined;
  /** Outputs that only the next run reads: they stay in the device's memory where the runtime allows it. */
  readonly keptOutputs?: readonly string[];
  /** To run once, in as little memory as possible: weights are read where they lie in their file, nothing is kept. */
  readonly lean?: boolean;
}

/** Whether `keptOutputs` stay on the provider's device: ONNX Runtime's binding for Node can keep WebGPU's. */
export function keepsOutputs(provider: Provider): boolean {
  return provider === 'webgpu';
}

/** A few cores caption an image in tens of milliseconds; the others are left to the user's work. */
const maxThreads = 8;

/** The CPU takes the operators that a provider lacks. */
const fallback = 'cpu';

/** ONNX Runtime's options of a session on `provider`. */
export function sessionOptions(
  provider: Provider,
  { weightsFolder, keptOutputs = [], lean = false }: SessionNeeds = {},
): InferenceSession.SessionOptions {
  return {
    ...providerOptions(provider, keptOutputs),
    // Optimising copies weights, in another layout or folded.
    graphOptimizationLevel: lean ? 'disabled' : 'all',
    ...(lean && { enableCpuMemArena: false, enableMemPattern: false }),
    intraOpNumThreads: Math.min(availableParallelism(), maxThreads),
    logSeverityLevel: 3,
    extra: {
      session: {
        // Waiting threads that spin take the cores from everything else on the machine, and from each other: with
        // training running beside it, a step of 32 rows took 8.8 to 11.8 ms spinning, 5.6 to 6.7 ms sleeping (2 cores).
        intra_op: { allow_spinning: '0' },
        // Blocks of work that shrink towards its end leave no thread waiting for one whose core is busy with something
        // else: beam search of 5 in fp32 took 1.3 × its quiet time beside a busy core, 1.4 × without (2 cores).
        dynamic_block_base: '4',
        ...(lean && { disable_prepacking: '1' }),
        ...(weightsFolder === undefined ? {} : ownGraph(weightsFolder)),
      },
    },
  };
}

/** Of graphs that are built here: weights are widened by DequantizeLinear, which only without this is kept for every run. */
function ownGraph(weightsFolder: string): Readonly<Record<string, string>> {
  return { disable_quant_qdq: '1', model_external_initializers_file_folder_path: weightsFolder };
}

function providerOptions(provider: Provider, kept: readonly string[]): InferenceSession.SessionOptions {
  const locations = Object.fromEntries(kept.map((name) => [name, 'gpu-buffer' as const]));
  const keeping = keepsOutputs(provider) && kept.length > 0 ? { preferredOutputLocation: locations } : {};
  const options: Readonly<Record<Provider, InferenceSession.SessionOptions>> = {
    cuda: { executionProviders: [{ name: 'cuda', deviceId: 0 }, fallback] },
    // DirectML demands both: it plans memory itself and takes one run at a time.
    directml: { executionProviders: [{ name: 'dml' }, fallback], enableMemPattern: false, executionMode: 'sequential' },
    coreml: { executionProviders: [{ name: 'coreml', coreMlFlags: mlProgram }, fallback] },
    webgpu: { executionProviders: [{ name: 'webgpu' }, fallback] },
    cpu: { executionProviders: [fallback] },
  };
  return { ...options[provider], ...keeping };
}

/** COREML_FLAG_CREATE_MLPROGRAM: Core ML's newer form of a model, which knows more operators. */
const mlProgram = 0x010;
