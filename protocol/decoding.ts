/**
 * How captions can be decoded: the strategies, the options that each of them takes, and their ranges. The command line,
 * the editor's settings and the inference process agree because they all read this page.
 */
import type { CaptionOptions } from './caption.js';

/**
 * - `greedy`: the most probable token at every step;
 * - `beam`: beam search exactly as ClipCap's reference does it;
 * - `beam-standard`: beam search with a length penalty, finished captions set aside; in groups it is diverse beam search;
 * - `sample`: tokens are drawn, after temperature, top-k and top-p.
 */
export const strategies = ['greedy', 'beam', 'beam-standard', 'sample'] as const;
export type Strategy = (typeof strategies)[number];

interface NumberOption {
  readonly min: number;
  readonly max: number;
  readonly whole: boolean;
  /** Strategies that the option means something to; absent: all. */
  readonly strategies?: readonly Strategy[];
}

type NumberKeys = {
  [Key in keyof CaptionOptions]-?: NonNullable<CaptionOptions[Key]> extends number ? Key : never;
}[keyof CaptionOptions];

/** Wider beams find nothing better and take memory in proportion. */
const widest = 64;
const unlimited = Number.MAX_SAFE_INTEGER;

/** Every option that is a number. */
export const numberOptions: Readonly<Record<NumberKeys, NumberOption>> = {
  beams: { min: 1, max: widest, whole: true, strategies: ['beam', 'beam-standard'] },
  lengthPenalty: { min: -10, max: 10, whole: false, strategies: ['beam-standard'] },
  groups: { min: 1, max: widest, whole: true, strategies: ['beam-standard'] },
  diversity: { min: 0, max: 100, whole: false, strategies: ['beam-standard'] },
  temperature: { min: 0.01, max: 100, whole: false, strategies: ['sample'] },
  topK: { min: 1, max: unlimited, whole: true, strategies: ['sample'] },
  topP: { min: 0.001, max: 1, whole: false, strategies: ['sample'] },
  seed: { min: 0, max: 2 ** 32 - 1, whole: true, strategies: ['sample'] },
  minTokens: { min: 1, max: unlimited, whole: true },
  maxTokens: { min: 1, max: unlimited, whole: true },
  captions: { min: 1, max: widest, whole: true },
  nearest: { min: 1, max: unlimited, whole: true },
};

export type NumberOptionName = keyof typeof numberOptions;

/** What is wrong with a value of an option, as the end of a sentence about it; undefined if nothing is. */
export function outOfRange(name: NumberOptionName, value: number): string | undefined {
  const { min, max, whole } = numberOptions[name];
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return undefined;
  const range = max === unlimited ? `at least ${min}` : `from ${min} to ${max}`;
  return `must be a ${whole ? 'whole ' : ''}number ${range}`;
}

/** What holds where neither the user nor the pack says anything. */
export const decodingDefaults = {
  lengthPenalty: 1,
  groups: 1,
  /** Vijayakumar et al. 2016 found 0.2 to 0.8 to work. Only used with several groups. */
  diversity: 0.5,
  temperature: 1,
  topP: 1,
  seed: 0,
  minTokens: 1,
} as const;

/** How a message calls options and strategies: the command line has its own words for them. */
interface Naming {
  readonly option: (name: keyof CaptionOptions) => string;
  readonly strategy: (names: readonly Strategy[]) => string;
}

/** What is wrong with options whatever the model, without a full stop; undefined if nothing is. */
export function problemWith(options: CaptionOptions, { option, strategy }: Naming): string | undefined {
  for (const name of numberNames) {
    const value = options[name];
    const problem = value === undefined ? undefined : outOfRange(name, value);
    if (problem !== undefined) return `${option(name)} ${problem}, not ${value}`;
  }
  const asked = strategyOf(options);
  if (typeof asked === 'object') {
    const other = asked.against === undefined ? '' : `, ${option(asked.against)} ${strategy(taking(asked.against))}`;
    return `${option(asked.option)} needs ${strategy(taking(asked.option))}${other}`;
  }
  const { beams, groups = 1, diversity, minTokens = 1, maxTokens = Infinity } = options;
  if (diversity !== undefined && groups === 1) return `${option('diversity')} needs several ${option('groups')}`;
  if (beams !== undefined && beams % groups !== 0) {
    return `${option('beams')} must be a multiple of ${option('groups')} (${groups}), not ${beams}`;
  }
  if (minTokens > maxTokens)
    return `${option('minTokens')} ${minTokens} is more than ${option('maxTokens')} ${maxTokens}`;
  return undefined;
}

/** Options that no strategy takes together, or (without `against`) that the strategy asked for does not take. */
interface Conflict {
  readonly option: NumberOptionName;
  readonly against?: NumberOptionName;
}

/**
 * The strategy that options ask for: `strategy` itself, or else the first that takes all of them (who asks for a
 * temperature wants to sample); undefined if they leave it open. One beam is as good as none.
 */
export function strategyOf(options: CaptionOptions): Strategy | Conflict | undefined {
  let left: readonly Strategy[] = options.strategy === undefined ? strategies : [options.strategy];
  let narrowed: NumberOptionName | undefined;
  for (const option of numberNames) {
    const value = options[option];
    if (value === undefined || (option === 'beams' && value === 1)) continue;
    const both = left.filter((strategy) => taking(option).includes(strategy));
    if (both.length === 0) return { option, ...(narrowed !== undefined && { against: narrowed }) };
    if (both.length < left.length) narrowed = option;
    left = both;
  }
  return left.length === strategies.length ? undefined : left[0];
}

function taking(option: NumberOptionName): readonly Strategy[] {
  return numberOptions[option].strategies ?? strategies;
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of the record above
const numberNames = Object.keys(numberOptions) as readonly NumberOptionName[];
