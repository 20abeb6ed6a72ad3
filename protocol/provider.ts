/** Execution providers: their names, and what is known of each on this machine. */

/** By the names that users write. */
export const providers = ['cuda', 'directml', 'coreml', 'webgpu', 'cpu'] as const;
export type Provider = (typeof providers)[number];

/**
 * What the run of a pack on a provider showed. `milliseconds` are those of one image, encoder to last token, after a
 * first run that warmed up; `cpuMilliseconds` are the CPU's.
 */
export type TrialResult =
  | { readonly outcome: 'agrees'; readonly milliseconds: number; readonly cpuMilliseconds: number }
  | { readonly outcome: 'refused'; readonly reason: string };

/**
 * - `trusted`: it gave what the CPU gives.
 * - `slow`: trusted, but slower than the CPU; used only where it is asked for by name.
 * - `refused`: it failed, hung or disagreed with the CPU.
 * - `absent`: this build of ONNX Runtime, or this machine, does not have it.
 * - `untried`: nothing is known yet.
 */
type ProviderState = 'trusted' | 'slow' | 'refused' | 'absent' | 'untried';

export interface ProviderVerdict {
  readonly provider: Provider;
  readonly state: ProviderState;
  /** Why it is not used; empty for one that is trusted. */
  readonly reason: string;
}

export function isProvider(name: string): name is Provider {
  return providers.some((known) => known === name);
}
