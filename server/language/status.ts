/** The server's health, in the words of the protocol. */
import type { ServerStatus, Settings } from '@clipcap/protocol/language';
import type { InferenceState } from '../process/inferenceState.js';

/** What the editor shows of an inference process that works with these settings. */
export function statusOf(state: InferenceState, { model, provider }: Settings): ServerStatus {
  if (state.state === 'ready') return { state: 'ready', pack: state.title, provider: state.model.provider };
  const chosen = { state: state.state, pack: model, provider };
  return state.state === 'failed' ? { ...chosen, reason: state.reason } : chosen;
}
