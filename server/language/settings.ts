/** The `clipcap` settings: pulled from the editor, checked, and turned into what inference asks for. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { CaptionOptions } from '@clipcap/protocol/caption';
import type { Settings } from '@clipcap/protocol/language';
import { providers } from '@clipcap/protocol/provider';
import { fields } from './fields.js';

/** What holds where the editor says nothing; the extension's manifest states the same. */
export const defaultSettings: Settings = {
  model: 'builtin',
  provider: 'auto',
  hover: { enabled: true, wait: 2000 },
  decoding: { strategy: 'pack', beams: 4 },
  idleMinutes: 10,
};

/** Reads the section as any editor may send it; whatever is absent or not of its type takes its default. */
export function readSettings(section: unknown): Settings {
  const { model, provider, hover, decoding, idleMinutes } = fields(section);
  const { enabled, wait } = fields(hover);
  const { strategy, beams } = fields(decoding);
  const byDefault = defaultSettings;
  return {
    model: text(model, byDefault.model),
    provider: oneOf(['auto', ...providers], provider, byDefault.provider),
    hover: {
      enabled: typeof enabled === 'boolean' ? enabled : byDefault.hover.enabled,
      wait: within(0, 60_000, wait, byDefault.hover.wait),
    },
    decoding: {
      strategy: oneOf(['pack', 'greedy', 'beam'], strategy, byDefault.decoding.strategy),
      beams: Math.round(within(1, 16, beams, byDefault.decoding.beams)),
    },
    idleMinutes: within(0.1, 1440, idleMinutes, byDefault.idleMinutes),
  };
}

/** The folder of the chosen pack. A relative one starts at `base`, without one at the user's home, and so does `~/`. */
export function packFolder(model: string, builtin: string, base: string | undefined): string {
  if (model === 'builtin') return builtin;
  if (/^~[/\\]/u.test(model)) return join(homedir(), model.slice(2));
  return resolve(base ?? homedir(), model);
}

/** The decoding that the user asks for; nothing where the pack shall decide. */
export function decodingOptions({ strategy, beams }: Settings['decoding']): CaptionOptions {
  if (strategy === 'pack') return {};
  return strategy === 'beam' ? { strategy, beams } : { strategy };
}

function text(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : otherwise;
}

function oneOf<Choice extends string>(choices: readonly Choice[], value: unknown, otherwise: Choice): Choice {
  return choices.find((choice) => choice === value) ?? otherwise;
}

function within(least: number, most: number, value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : otherwise;
}
