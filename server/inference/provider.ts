/**
 * Execution providers: which one runs the model, and how its sessions are made. Every session of the process comes from
 * here, so that a provider is chosen, configured and reported in one place.
 */
import { InferenceSession, type OnnxValue, type Tensor, type TypedTensor } from 'onnxruntime-node';
import { availableParallelism } from 'node:os';
import { CaptionError } from '@clipcap/protocol/error';

// ONNX Runtime's Linux and macOS builds report usage to their maker unless told not to, before the first session.
process.env['ORT_DISABLE_TELEMETRY'] = '1';

export type Provider = 'cpu';

/**
 * @param asked a provider's name, or `auto` for the platform's best
 * @throws CaptionError `provider-unavailable`
 */
export function chooseProvider(asked: string): Provider {
  if (asked === 'auto' || asked === 'cpu') return 'cpu';
  throw new CaptionError(
    'provider-unavailable',
    `The execution provider "${asked}" is not available here. Use "auto" or "cpu".`,
  );
}

/**
 * @param model an encoded graph, or the path of an ONNX file
 * @param weightsFolder where the graph's external data lie
 * @throws CaptionError `out-of-memory` or `inference-failed`
 */
export async function createSession(
  model: Uint8Array | string,
  provider: Provider,
  weightsFolder?: string,
): Promise<InferenceSession> {
  const options: InferenceSession.SessionOptions = {
    executionProviders: [provider],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: Math.min(availableParallelism(), maxThreads),
    logSeverityLevel: 3,
    extra: {
      session: {
        // Waiting threads that spin take the cores from everything else on the machine, and from each other: with
        // training running beside it, a step of 32 rows took 8.8 to 11.8 ms spinning, 5.6 to 6.7 ms sleeping (2 cores).
        intra_op: { allow_spinning: '0' },
        ...(weightsFolder === undefined ? {} : { model_external_initializers_file_folder_path: weightsFolder }),
      },
    },
  };
  try {
    // One signature takes paths, another bytes: the union fits neither.
    return await (typeof model === 'string'
      ? InferenceSession.create(model, options)
      : InferenceSession.create(model, options));
  } catch (cause) {
    throw failure('loaded', cause);
  }
}

/** A few cores caption an image in tens of milliseconds; the others are left to the user's work. */
const maxThreads = 8;

/**
 * Runs a session for some of its outputs; the caller disposes them.
 * @throws CaptionError `out-of-memory` or `inference-failed`
 */
export async function run(
  session: InferenceSession,
  feeds: Readonly<Record<string, Tensor>>,
  outputs: readonly string[],
): Promise<Readonly<Record<string, OnnxValue>>> {
  try {
    return await session.run(feeds, outputs);
  } catch (cause) {
    throw failure('run', cause);
  }
}

function failure(action: 'loaded' | 'run', cause: unknown): CaptionError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (/bad_alloc|failed to allocate|out of memory/i.test(reason)) {
    const remedy = 'Close other programs, caption fewer images at once, or use fewer beams.';
    return new CaptionError('out-of-memory', `There was not enough memory for the model (${reason}). ${remedy}`, {
      cause,
    });
  }
  const remedy = 'Restart it; if that does not help, import or download the pack again.';
  return new CaptionError('inference-failed', `The model could not be ${action}: ${reason}. ${remedy}`, { cause });
}

/** An output of the type that the graph declares. */
export function output<T extends 'float32' | 'int64'>(
  outputs: Readonly<Record<string, OnnxValue>>,
  name: string,
  type: T,
): TypedTensor<T> {
  const tensor = outputs[name];
  if (hasType(tensor, type)) return tensor;
  throw new CaptionError('inference-failed', `The model gave no ${type} output "${name}". Import the pack again.`);
}

function hasType<T extends Tensor.Type>(tensor: Tensor | undefined, type: T): tensor is TypedTensor<T> {
  return tensor?.type === type;
}
