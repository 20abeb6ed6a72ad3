/** What the parent knows of its inference process, in the words that a status item needs. */
import type { ErrorCode, ModelInfo } from '@clipcap/protocol/caption';
import type { ProviderVerdict } from '@clipcap/protocol/provider';

/**
 * - `idle`: no inference process runs; it starts with the next request.
 * - `loading`: the process starts or loads a pack (`model` is the pack's folder).
 * - `ready`: a pack is resident; `title` is its name for readers, `providers` what is known of the execution providers.
 * - `failed`: the pack could not be loaded, or the process died too often and stays down until `restart()`.
 */
export type InferenceState =
  | { readonly state: 'idle' }
  | { readonly state: 'loading'; readonly model: string }
  | {
      readonly state: 'ready';
      readonly model: ModelInfo;
      readonly title: string;
      readonly providers?: readonly ProviderVerdict[];
    }
  | { readonly state: 'failed'; readonly code: ErrorCode; readonly reason: string };
