/** The `clipcap` settings: pulled from the editor, checked, and turned into what inference asks for. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Settings } from '@clipcap/protocol/language';
import { providers } from '@clipcap/protocol/provider';
import { defaultDecoding, readDecoding } from './decodingSettings.js';
import { fields, oneOf, within } from '@clipcap/protocol/fields';

/** What holds where the editor says nothing; the extension's manifest states the same. */
export const defaultSettings: Settings = {
  model: 'builtin',
  provider: 'auto',
  hover: { enabled: true, wait: 2000 },
  decoding: defaultDecoding,
  idleMinutes: 10,
};

/** Reads the section as any editor may send it; whatever is absent or not of its type takes its default. */
export function readSettings(section: unknown): Settings {
  const { model, provider, hover, decoding, idleMinutes } = fields(section);
  const { enabled, wait } = fields(hover);
  const byDefault = defaultSettings;
  return {
    model: text(model, byDefault.model),
    provider: oneOf(['auto', ...providers], provider, byDefault.provider),
    hover: {
      enabled: typeof enabled === 'boolean' ? enabled : byDefault.hover.enabled,
      wait: within(0, 60_000, wait, byDefault.hover.wait),
    },
    decoding: readDecoding(decoding),
    idleMinutes: within(0.1, 1440, idleMinutes, byDefault.idleMinutes),
  };
}

/** The folder of the chosen pack. A relative one starts at `base`, without one at the user's home, and so does `~/`. */
export function packFolder(model: string, builtin: string, base: string | undefined): string {
  if (model === 'builtin') return builtin;
  if (/^~[/\\]/u.test(model)) return join(homedir(), model.slice(2));
  return resolve(base ?? homedir(), model);
}

function text(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : otherwise;
}
