/**
 * Which execution provider runs a pack. `auto` takes the first of the platform's order that was proved and is not slower
 * than the CPU; what is asked for by name runs there or not at all.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packFiles } from '@clipcap/models/pack/manifest';
import { CaptionError } from '@clipcap/protocol/error';
import {
  isProvider,
  providers,
  type Provider,
  type ProviderVerdict,
  type TrialResult,
} from '@clipcap/protocol/provider';
import type { Verdicts } from './verdicts.js';

export interface ProviderChoiceOptions {
  /** The platform's order, the CPU last. */
  readonly order: readonly Provider[];
  readonly verdicts: Pick<Verdicts, 'get' | 'set' | 'clear'>;
  /** Why a provider cannot be here at all, if that is known without trying it. */
  readonly absence: (provider: Provider) => string | undefined;
  /** Runs the pack in the folder `model` on a provider, in a process of its own. */
  readonly trial: (model: string, provider: Provider) => Promise<TrialResult>;
}

export class ProviderChoice {
  readonly #options: ProviderChoiceOptions;
  /** Trials under way, by pack and provider. */
  #running = new Map<string, Promise<TrialResult>>();

  constructor(options: ProviderChoiceOptions) {
    this.#options = options;
  }

  /**
   * The provider that was asked for by name, tried if nothing is known of it.
   * @throws CaptionError `provider-unavailable` with the reason, or what is wrong with the pack
   */
  async named(model: string, asked: string): Promise<Provider> {
    if (!isProvider(asked)) {
      const message = `There is no execution provider "${asked}". Use auto, ${providers.join(', ')}.`;
      throw new CaptionError('provider-unavailable', message);
    }
    const { state, reason } = await this.prove(model, asked);
    if (state === 'trusted' || state === 'slow') return asked;
    throw new CaptionError(
      'provider-unavailable',
      `The execution provider ${asked} cannot be used: ${reason}. Use auto or cpu; after a change of drivers, try it ` +
        'again with "ClipCap: Restart Inference" in VS Code, elsewhere with "clipcap doctor --retry-providers".',
    );
  }

  /** Tries, one at a time, every provider of the order that is not known, up to the first that can be trusted. */
  async proveInOrder(model: string): Promise<Provider> {
    for (const provider of this.#options.order) {
      if ((await this.prove(model, provider)).state === 'trusted') return provider;
    }
    return 'cpu';
  }

  /**
   * What is known of a provider, after a trial if need be.
   * @throws CaptionError what is wrong with the pack
   */
  async prove(model: string, provider: Provider): Promise<ProviderVerdict> {
    const pack = await packIdentity(model);
    const known = await this.#verdict(pack, provider);
    if (known.state !== 'untried') return known;
    const key = JSON.stringify([pack, provider]);
    const trial = this.#running.get(key) ?? this.#try(key, model, pack, provider);
    this.#running.set(key, trial);
    return toVerdict(provider, await trial);
  }

  /** What is known of every provider, in the platform's order; the others follow as absent. */
  async verdicts(model: string): Promise<readonly ProviderVerdict[]> {
    const pack = await packIdentity(model);
    const others = providers.filter((provider) => !this.#options.order.includes(provider));
    return Promise.all([...this.#options.order, ...others].map((provider) => this.#verdict(pack, provider)));
  }

  /** A provider that was trusted has failed after all: `auto` goes on without it. */
  async distrust(model: string, provider: Provider, reason: string): Promise<void> {
    const pack = await packIdentity(model);
    await this.#options.verdicts.set(pack ?? '', provider, { outcome: 'refused', reason });
  }

  /** Everything is to be tried again, what is being tried now, too. */
  async forget(): Promise<void> {
    this.#running = new Map();
    await this.#options.verdicts.clear();
  }

  async #verdict(pack: string | undefined, provider: Provider): Promise<ProviderVerdict> {
    if (provider === 'cpu') return { provider, state: 'trusted', reason: '' };
    const absent = this.#options.absence(provider);
    if (absent !== undefined) return { provider, state: 'absent', reason: absent };
    const result = await this.#options.verdicts.get(pack ?? '', provider);
    return result ? toVerdict(provider, result) : { provider, state: 'untried', reason: 'it was not tried yet' };
  }

  async #try(key: string, model: string, pack: string | undefined, provider: Provider): Promise<TrialResult> {
    const running = this.#running;
    try {
      const result = await this.#options.trial(model, provider);
      if (pack !== undefined && running === this.#running) await this.#options.verdicts.set(pack, provider, result);
      return result;
    } finally {
      running.delete(key);
    }
  }
}

/** What `auto` means with what is known by now. */
export function automatic(verdicts: readonly ProviderVerdict[]): Provider {
  return verdicts.find(({ state }) => state === 'trusted')?.provider ?? 'cpu';
}

function toVerdict(provider: Provider, result: TrialResult): ProviderVerdict {
  if (result.outcome === 'refused') return { provider, state: 'refused', reason: result.reason };
  const { milliseconds, cpuMilliseconds } = result;
  if (milliseconds <= cpuMilliseconds) return { provider, state: 'trusted', reason: '' };
  const times = `${Math.round(milliseconds)} ms an image, ${Math.round(cpuMilliseconds)} ms on the CPU`;
  return { provider, state: 'slow', reason: `it works, but is slower than the CPU (${times})` };
}

/** SHA-256 of the manifest, which holds the hashes of the pack's other files; undefined if there is none to read. */
async function packIdentity(folder: string): Promise<string | undefined> {
  try {
    const manifest = await readFile(join(folder, packFiles.manifest));
    return createHash('sha256').update(manifest).digest('hex');
  } catch {
    return undefined;
  }
}
