/** The server's health, in the words of the protocol. */
import type { ServerStatus, Settings } from '@clipcap/protocol/language';
import type { ProviderVerdict } from '@clipcap/protocol/provider';
import type { InferenceState } from '../process/inferenceState.js';

/** What the editor shows of an inference process that works with these settings. */
export function statusOf(state: InferenceState, { model, provider }: Settings): ServerStatus {
  if (state.state === 'ready') return ready(state);
  const chosen = { state: state.state, pack: model, provider };
  return state.state === 'failed' ? { ...chosen, reason: state.reason } : chosen;
}

function ready({ title, model, providers = [] }: Extract<InferenceState, { state: 'ready' }>): ServerStatus {
  const unused = providers.filter(({ provider, state }) => provider !== model.provider && concerns[state]);
  const status = { state: 'ready', pack: title, provider: model.provider } as const;
  return unused.length > 0 ? { ...status, unused } : status;
}

/** Providers that this machine cannot have are no news. */
const concerns: Readonly<Record<ProviderVerdict['state'], boolean>> = {
  trusted: false,
  slow: true,
  refused: true,
  absent: false,
  untried: false,
};
