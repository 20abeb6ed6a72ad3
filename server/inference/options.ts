/** What a request leaves open is filled in from the pack and the documented defaults, and checked. */
import type { PackManifest } from '@clipcap/models/pack/manifest';
import { defaultNearest, type CaptionOptions } from '@clipcap/protocol/caption';
import { decodingDefaults, problemWith, strategyOf } from '@clipcap/protocol/decoding';
import { CaptionError } from '@clipcap/protocol/error';
import type { Filters } from './sampling.js';

/** How tokens are chosen. */
export type Decoding =
  /** One beam is greedy decoding. */
  | { readonly strategy: 'beam'; readonly beams: number }
  | {
      readonly strategy: 'beam-standard';
      readonly beams: number;
      readonly lengthPenalty: number;
      readonly groups: number;
      readonly diversity: number;
      readonly captions: number;
    }
  | ({ readonly strategy: 'sample'; readonly seed: number; readonly draws: number } & Filters);

export interface ResolvedOptions {
  readonly decoding: Decoding;
  readonly minTokens: number;
  readonly maxTokens: number;
  readonly stopTokens: readonly number[];
  readonly begin: readonly number[];
  readonly captions: number;
  readonly nearest: number;
}

/** Text → token ids, as the pack's tokenizer cuts it. */
export type Encode = (text: string) => readonly number[];

/** What only the model can refuse, as each caller calls it: requests, the command line, and the editor's settings. */
const named = {
  minTokens: 'option minTokens (--min-tokens, in VS Code clipcap.decoding.minTokens)',
  stop: 'option stop (--stop, in VS Code clipcap.decoding.stopTokens)',
  begin: 'option begin (--begin, in VS Code clipcap.decoding.beginning)',
} as const;

/** Each costs a little at every step. */
const mostStopTokens = 100;

/** @throws CaptionError `usage` naming the option and its range; no more captions can be asked for than there are beams */
export function resolveOptions(options: CaptionOptions, manifest: PackManifest, encode: Encode): ResolvedOptions {
  const problem = problemWith(options, {
    option: (name) => `option ${name}`,
    strategy: (names) => `the strategy ${names.join(' or ')}`,
  });
  if (problem !== undefined) throw usage(`The ${problem}.`);
  const { languageModel, mapper } = manifest;
  const { minTokens = decodingDefaults.minTokens, nearest = defaultNearest, captions = 1 } = options;
  const maxTokens = options.maxTokens ?? manifest.decoding.maxTokens;
  if (minTokens > maxTokens) throw usage(`The ${named.minTokens} must be at most ${maxTokens}, not ${minTokens}.`);
  // Every position that is read must be one that the model knows; a caption's last token is read by nobody.
  const longest = Math.min(maxTokens, languageModel.context - mapper.prefixLength + 1);
  return {
    decoding: resolveDecoding(options, captions, manifest),
    minTokens: Math.min(minTokens, longest),
    maxTokens: longest,
    stopTokens: stopTokens(options.stop ?? [], manifest, encode),
    begin: beginning(options.begin ?? '', longest, encode),
    captions,
    nearest: Math.min(nearest, languageModel.vocabulary),
  };
}

function resolveDecoding(
  options: CaptionOptions,
  captions: number,
  { decoding, languageModel }: PackManifest,
): Decoding {
  const asked = strategyOf(options);
  const strategy = typeof asked === 'string' ? asked : decoding.strategy;
  const { topK, topP, temperature, seed } = { ...decodingDefaults, ...options };
  if (strategy === 'sample') {
    return { strategy, temperature, topP, seed, draws: captions, ...(topK !== undefined && { topK }) };
  }
  const { groups, lengthPenalty, diversity } = { ...decodingDefaults, ...options };
  // The pack's beams know nothing of groups.
  const wanted = options.beams ?? Math.ceil(decoding.beams / groups) * groups;
  const beams = strategy === 'greedy' ? 1 : wanted;
  if (captions > beams) {
    throw usage(`${captions} captions need at least as many beams, not ${beams}. Ask for a wider beam search.`);
  }
  if (strategy === 'beam-standard') return { strategy, beams, groups, lengthPenalty, diversity, captions };
  return { strategy: 'beam', beams: Math.min(beams, languageModel.vocabulary) };
}

/** The pack's stop tokens and those that were asked for. */
function stopTokens(added: readonly (number | string)[], { languageModel }: PackManifest, encode: Encode): number[] {
  const { vocabulary } = languageModel;
  if (added.length > mostStopTokens) {
    throw usage(`The ${named.stop} must have at most ${mostStopTokens} tokens, not ${added.length}.`);
  }
  const ids = added.map((token) => {
    if (typeof token === 'number') {
      if (Number.isInteger(token) && token >= 0 && token < vocabulary) return token;
      throw usage(`The ${named.stop} must name token ids from 0 to ${vocabulary - 1}, not ${token}.`);
    }
    const [id, ...more] = encode(token);
    if (id !== undefined && more.length === 0) return id;
    const count = id === undefined ? 'no token' : `${more.length + 1} tokens`;
    throw usage(`The ${named.stop} must name single tokens, but ${JSON.stringify(token)} is ${count} of this model.`);
  });
  const all = new Set([...languageModel.stopTokens, ...ids]);
  if (all.size >= vocabulary) throw usage(`The ${named.stop} must leave tokens that end no caption.`);
  return [...all];
}

/** Token ids of a forced beginning; a space at its end is left to the token that follows. */
function beginning(text: string, maxTokens: number, encode: Encode): readonly number[] {
  const trimmed = text.trimEnd();
  const ids = trimmed === '' ? [] : encode(trimmed);
  if (ids.length < maxTokens) return ids;
  throw usage(
    `The ${named.begin} has ${ids.length} tokens; with at most ${maxTokens} tokens a caption could not go on. Shorten it.`,
  );
}

function usage(message: string): CaptionError {
  return new CaptionError('usage', message);
}
