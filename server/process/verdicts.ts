/**
 * What trials of execution providers showed, kept between processes: a trial costs seconds, so it is made once for a
 * machine with its drivers, a version of ONNX Runtime and a pack.
 */
import { mkdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { readSmallFile } from '@clipcap/models/readSmallFile';
import { replaceFile } from '@clipcap/models/replaceFile';
import { isProvider, type Provider, type TrialResult } from '@clipcap/protocol/provider';
import { fields } from '@clipcap/protocol/fields';

interface Entry {
  readonly machine: string;
  /** SHA-256 of the pack's manifest, which lists the hashes of its other files. */
  readonly pack: string;
  readonly provider: Provider;
  readonly result: TrialResult;
}

/** Entries that are kept, the latest ones. */
const keptEntries = 200;
const largestFile = 2 ** 20;

/** Where the command line, and an editor that names no other place, remembers trials. */
export function defaultVerdictsFile(): string {
  const cache =
    process.env['XDG_CACHE_HOME'] ??
    (process.platform === 'win32' ? process.env['LOCALAPPDATA'] : undefined) ??
    join(homedir(), process.platform === 'darwin' ? 'Library/Caches' : '.cache');
  return join(cache, 'clipcap-lens', verdictsFile);
}

export const verdictsFile = 'providers.json';

/** A memory of trials in a file; one that cannot be read is empty, one that cannot be written forgets at the end. */
export class Verdicts {
  readonly #file: string;
  readonly #machine: string;
  /** What was read or written last, and what the file was by then. */
  #known: { readonly entries: readonly Entry[]; readonly identity: string | undefined } | undefined;

  constructor(file: string, machine: string) {
    this.#file = file;
    this.#machine = machine;
  }

  async get(pack: string, provider: Provider): Promise<TrialResult | undefined> {
    const identity = await this.#identity();
    // Another process may have been told to forget.
    if (this.#known?.identity !== identity) this.#known = undefined;
    this.#known ??= { entries: await this.#read(), identity };
    return this.#known.entries.findLast((entry) => this.#concerns(entry, pack, provider))?.result;
  }

  async set(pack: string, provider: Provider, result: TrialResult): Promise<void> {
    const others = (await this.#read()).filter((entry) => !this.#concerns(entry, pack, provider));
    await this.#write([...others, { machine: this.#machine, pack, provider, result }]);
  }

  /** Forgets what was found on this machine. */
  async clear(): Promise<void> {
    const entries = await this.#read();
    await this.#write(entries.filter(({ machine }) => machine !== this.#machine));
  }

  #concerns(entry: Entry, pack: string, provider: Provider): boolean {
    return entry.machine === this.#machine && entry.pack === pack && entry.provider === provider;
  }

  async #read(): Promise<readonly Entry[]> {
    try {
      const { version, entries } = fields(JSON.parse(await readSmallFile(this.#file, largestFile)));
      return version === 1 && Array.isArray(entries) ? entries.flatMap(readEntry) : [];
    } catch {
      return [];
    }
  }

  async #write(entries: readonly Entry[]): Promise<void> {
    const kept = entries.slice(-keptEntries);
    try {
      await mkdir(dirname(this.#file), { recursive: true });
      await replaceFile(this.#file, JSON.stringify({ version: 1, entries: kept }, null, 2));
    } catch {
      // A cache that cannot be kept costs the next process a trial.
    }
    this.#known = { entries: kept, identity: await this.#identity() };
  }

  /** Two writings may fall into one tick of a file system's clock, but each makes another file. */
  #identity(): Promise<string | undefined> {
    return stat(this.#file).then(
      ({ ino, size, ctimeMs }) => [ino, size, ctimeMs].join(),
      () => undefined,
    );
  }
}

function readEntry(value: unknown): Entry[] {
  const { machine, pack, provider, result } = fields(value);
  const read = readResult(result);
  if (typeof machine !== 'string' || typeof pack !== 'string' || typeof provider !== 'string') return [];
  return isProvider(provider) && read ? [{ machine, pack, provider, result: read }] : [];
}

function readResult(value: unknown): TrialResult | undefined {
  const { outcome, reason, milliseconds, cpuMilliseconds } = fields(value);
  if (outcome === 'refused' && typeof reason === 'string') return { outcome, reason };
  if (outcome !== 'agrees' || typeof milliseconds !== 'number' || typeof cpuMilliseconds !== 'number') return undefined;
  return { outcome, milliseconds, cpuMilliseconds };
}
