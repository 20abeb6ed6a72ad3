/** The `clipcap.decoding` settings: checked, and turned into the options of a request. */
import type { CaptionOptions } from '@clipcap/protocol/caption';
import { decodingDefaults, numberOptions, strategies, strategyOf } from '@clipcap/protocol/decoding';
import type { Settings } from '@clipcap/protocol/language';
import { fields, oneOf, within } from '@clipcap/protocol/fields';

type DecodingSettings = Settings['decoding'];

/** What holds where the editor says nothing; the extension's manifest states the same. */
export const defaultDecoding: DecodingSettings = {
  strategy: 'pack',
  beams: 4,
  lengthPenalty: decodingDefaults.lengthPenalty,
  groups: decodingDefaults.groups,
  diversity: decodingDefaults.diversity,
  temperature: decodingDefaults.temperature,
  topK: 0,
  topP: decodingDefaults.topP,
  seed: decodingDefaults.seed,
  minTokens: decodingDefaults.minTokens,
  maxTokens: 0,
  stopTokens: [],
  beginning: '',
};

/** Wider beams are for the command line: an editor should answer soon. */
const widest = 16;

/** Reads the section; what is not of its type takes its default, a number out of range the nearest bound. */
export function readDecoding(section: unknown): DecodingSettings {
  const given = fields(section);
  const byDefault = defaultDecoding;
  const number = (name: Exclude<keyof typeof numberOptions, 'captions' | 'nearest'>, bounds = {}): number => {
    const { min, max, whole } = { ...numberOptions[name], ...bounds };
    const value = within(min, max, given[name], byDefault[name]);
    return whole ? Math.round(value) : value;
  };
  const { stopTokens, beginning } = given;
  return {
    strategy: oneOf(['pack', ...strategies], given['strategy'], byDefault.strategy),
    beams: number('beams', { max: widest }),
    lengthPenalty: number('lengthPenalty'),
    groups: number('groups', { max: widest }),
    diversity: number('diversity'),
    temperature: number('temperature'),
    topK: number('topK', { min: 0 }),
    topP: number('topP'),
    seed: number('seed'),
    minTokens: number('minTokens'),
    maxTokens: number('maxTokens', { min: 0 }),
    stopTokens: Array.isArray(stopTokens) ? stopTokens.filter(isText) : byDefault.stopTokens,
    beginning: typeof beginning === 'string' ? beginning : byDefault.beginning,
  };
}

/** The decoding that the user asks for; nothing where the pack or a documented default decides. */
export function decodingOptions(settings: DecodingSettings, asked: CaptionOptions = {}): CaptionOptions {
  const { minTokens, maxTokens, stopTokens, beginning } = settings;
  return {
    // A request for another strategy leaves nothing of the chosen one.
    ...(strategyOf(asked) === undefined && strategyOptions(settings)),
    ...(minTokens > 1 && { minTokens: maxTokens > 0 ? Math.min(minTokens, maxTokens) : minTokens }),
    ...(maxTokens > 0 && { maxTokens }),
    ...(stopTokens.length > 0 && { stop: stopTokens.map((token) => (/^\d+$/u.test(token) ? Number(token) : token)) }),
    ...(beginning.trim() !== '' && { begin: beginning }),
    ...asked,
  };
}

function strategyOptions(settings: DecodingSettings): CaptionOptions {
  const { strategy, beams, groups, diversity, lengthPenalty, temperature, topK, topP, seed } = settings;
  if (strategy === 'pack') return {};
  if (strategy === 'greedy') return { strategy };
  if (strategy === 'beam') return { strategy, beams };
  if (strategy === 'sample') return { strategy, temperature, topP, seed, ...(topK > 0 && { topK }) };
  const diverse = groups > 1 && { groups, diversity };
  return { strategy, beams: Math.ceil(beams / groups) * groups, lengthPenalty, ...diverse };
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
