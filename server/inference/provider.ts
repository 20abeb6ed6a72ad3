/**
 * Execution providers: which one runs the model, and how its sessions are made. Every session of the process comes from
 * here, so that a provider is chosen, configured and reported in one place.
 */
import { InferenceSession, type OnnxValue, type Tensor, type TypedTensor } from 'onnxruntime-node';
import { availableParallelism } from 'node:os';
import { CaptionError } from '@clipcap/protocol/error';

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
    extra: {
      session: {
        intra_op: { allow_spinning: '0' },
        ...(weightsFolder === undefined ? {} : { model_external_initializers_file_folder_path: weightsFolder }),
      },
    },
  };
  return typeof model === 'string' ? InferenceSession.create(model, options) : InferenceSession.create(model, options);
}

/** More threads wait for each other longer than they help: one step of a small language model takes under 2 ms. */
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
    const reason = cause instanceof Error ? cause.message : String(cause);
    if (/bad_alloc|failed to allocate|out of memory/i.test(reason)) {
      throw new CaptionError(
        'out-of-memory',
        `The model ran out of memory (${reason}). Use fewer beams, or close other programs.`,
        { cause },
      );
    }
    throw new CaptionError(
      'inference-failed',
      `The model could not be run: ${reason}. Restart it; if that does not help, import the pack again.`,
      { cause },
    );
  }
}

/** An output that the graphs declare as float32. */
export function float32(outputs: Readonly<Record<string, OnnxValue>>, name: string): TypedTensor<'float32'> {
  const tensor = outputs[name];
  if (tensor?.type === 'float32') return tensor as TypedTensor<'float32'>;
  throw new CaptionError('inference-failed', `The model gave no float32 output "${name}". Import the pack again.`);
}
