/** The server's health, in the words of the protocol. */
import type { ServerStatus, Settings } from '@clipcap/protocol/language';
import type { ProviderVerdict } from '@clipcap/protocol/provider';
import type { InferenceState } from '../process/inferenceState.js';
import { hasNvidiaDriver } from '../process/machine.js';

/**
 * What the editor shows of an inference process that works with these settings.
 * @param hasNvidia whether CUDA would have something to run on
 */
export function statusOf(
  state: InferenceState,
  { model, provider }: Settings,
  hasNvidia = hasNvidiaDriver(),
): ServerStatus {
  if (state.state === 'ready') return ready(state, hasNvidia);
  const chosen = { state: state.state, pack: model, provider };
  return state.state === 'failed' ? { ...chosen, reason: state.reason } : chosen;
}

function ready(
  { title, model, providers = [] }: Extract<InferenceState, { state: 'ready' }>,
  hasNvidia: boolean,
): ServerStatus {
  const unused = providers.filter((verdict) => verdict.provider !== model.provider && concerns(verdict, hasNvidia));
  const status = { state: 'ready', pack: title, provider: model.provider } as const;
  return unused.length > 0 ? { ...status, unused } : status;
}

/** Providers that this machine cannot have are no news, but one that only has to be installed is. */
function concerns({ provider, state }: ProviderVerdict, hasNvidia: boolean): boolean {
  if (state === 'absent') return provider === 'cuda' && hasNvidia;
  return state === 'slow' || state === 'refused';
}
