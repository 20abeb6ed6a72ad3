/**
 * Execution providers: which one runs the model, and how its sessions are made. Every session of the process comes from
 * here, so that a provider is chosen, configured and reported in one place.
 */
import {
  InferenceSession,
  listSupportedBackends,
  type OnnxValue,
  type Tensor,
  type TypedTensor,
} from 'onnxruntime-node';
import { CaptionError } from '@clipcap/protocol/error';
import { isProvider, providers, type Provider } from '@clipcap/protocol/provider';
import { sessionOptions } from './sessionOptions.js';

export type { Provider };

// ONNX Runtime's builds for Linux and macOS report to Microsoft over the network unless they are told not to before
// their first session. We promise that nothing is sent.
process.env['ORT_DISABLE_TELEMETRY'] = '1';

/** What ONNX Runtime calls them, where it has another word. */
const runtimeNames: Readonly<Record<Provider, string>> = {
  cuda: 'cuda',
  directml: 'dml',
  coreml: 'coreml',
  webgpu: 'webgpu',
  cpu: 'cpu',
};

/** The providers that this build of ONNX Runtime can have; some need a library that is not in it. */
export function builtProviders(supported = listSupportedBackends()): Provider[] {
  const names = new Set(supported.map(({ name }) => name));
  return providers.filter((provider) => names.has(runtimeNames[provider]));
}

/**
 * The provider of a name. `auto` is the CPU: whoever knows of a better one that was proved asks for it by name.
 * @throws CaptionError `provider-unavailable`
 */
export function chooseProvider(asked: string): Provider {
  if (asked === 'auto') return 'cpu';
  const built = builtProviders();
  const found = built.find((provider) => provider === asked);
  if (found) return found;
  throw new CaptionError(
    'provider-unavailable',
    isProvider(asked)
      ? `ONNX Runtime for ${process.platform}-${process.arch} has no ${asked}. Use auto, ${built.join(' or ')}.`
      : `There is no execution provider "${asked}". Use auto, ${providers.join(', ')}.`,
  );
}

/** What parts of a model do with their session. */
export type Session = Pick<InferenceSession, 'outputNames' | 'release'> & {
  run(
    feeds: Readonly<Record<string, Tensor>>,
    outputs: readonly string[],
  ): Promise<Readonly<Record<string, OnnxValue>>>;
};

/** How a part of a model makes its session: of an encoded graph, or of an ONNX file. */
export interface OpenSession {
  (
    model: Uint8Array,
    provider: Provider,
    weightsFolder: string,
    /** Outputs that only the next run of the session reads, see `SessionNeeds`. */
    keptOutputs?: readonly string[],
  ): Promise<Session>;
  (model: string, provider: Provider): Promise<InferenceSession>;
}

/**
 * @param model an encoded graph, or the path of an ONNX file
 * @param weightsFolder where the graph's external data lie
 * @param keptOutputs outputs that only the next run of the session reads, see `SessionNeeds`
 * @throws CaptionError `out-of-memory` or `inference-failed`
 */
export async function createSession(
  model: Uint8Array | string,
  provider: Provider,
  weightsFolder?: string,
  keptOutputs: readonly string[] = [],
): Promise<InferenceSession> {
  return openSession(model, sessionOptions(provider, { weightsFolder, keptOutputs }));
}

/** @throws CaptionError `out-of-memory` or `inference-failed` */
export async function openSession(
  model: Uint8Array | string,
  options: InferenceSession.SessionOptions,
): Promise<InferenceSession> {
  try {
    // One signature takes paths, another bytes: the union fits neither.
    return await (typeof model === 'string'
      ? InferenceSession.create(model, options)
      : InferenceSession.create(model, options));
  } catch (cause) {
    throw failure('loaded', cause);
  }
}

/**
 * Runs a session for some of its outputs; the caller disposes them.
 * @throws CaptionError `out-of-memory` or `inference-failed`
 */
export async function run(
  session: Session,
  feeds: Readonly<Record<string, Tensor>>,
  outputs: readonly string[],
): Promise<Readonly<Record<string, OnnxValue>>> {
  try {
    return await session.run(feeds, outputs);
  } catch (cause) {
    throw failure('run', cause);
  }
}

/** The error of an allocation that failed. */
export function outOfMemory(cause: unknown): CaptionError {
  const remedy = 'Close other programs, caption fewer images at once, or use fewer beams.';
  const message = `There was not enough memory for the model (${reasonOf(cause)}). ${remedy}`;
  return new CaptionError('out-of-memory', message, { cause });
}

function failure(action: 'loaded' | 'run', cause: unknown): CaptionError {
  const reason = reasonOf(cause);
  if (/bad_alloc|failed to allocate|out of memory/i.test(reason)) return outOfMemory(cause);
  const remedy = 'Try again; if that does not help, import or download the pack again.';
  return new CaptionError('inference-failed', `The model could not be ${action}: ${reason}. ${remedy}`, { cause });
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
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
