/** Inference as the language server and the command line use it: a process, the providers of this machine, a memory. */
import { InferenceProcess, type InferenceProcessOptions } from './inferenceProcess.js';
import { absence, machineIdentity, platformOrder } from './machine.js';
import { ProvedInference } from './provedInference.js';
import { ProviderChoice } from './providerChoice.js';
import { runTrial } from './trialProcess.js';
import { Verdicts } from './verdicts.js';

export interface CreateInferenceOptions {
  readonly process: InferenceProcessOptions;
  /** The file that remembers trials. */
  readonly verdicts: string;
  /** Whether a provider that proves itself takes over at once. */
  readonly switches: boolean;
}

export function createInference({ process, verdicts, switches }: CreateInferenceOptions): ProvedInference {
  const stop = new AbortController();
  return new ProvedInference({
    inference: new InferenceProcess(process),
    choice: createChoice(process.entry, verdicts, stop.signal),
    switches,
    log: process.log,
    stop,
  });
}

/** The providers of this machine, tried with the inference process's script `entry`. */
export function createChoice(entry: string, verdicts: string, signal: AbortSignal): ProviderChoice {
  return new ProviderChoice({
    order: platformOrder(),
    verdicts: new Verdicts(verdicts, machineIdentity()),
    absence,
    trial: (model, provider) => runTrial(entry, model, provider, signal),
  });
}
