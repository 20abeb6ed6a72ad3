/** The command line's options that say how captions are decoded, and what is asked of each image. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CaptionOptions } from '@clipcap/protocol/caption';
import { type NumberOptionName, outOfRange, problemWith, strategies, strategyOf } from '@clipcap/protocol/decoding';

/** What each option of captioning is called here. */
const names: Readonly<Record<keyof CaptionOptions, string>> = {
  strategy: '--decode',
  beams: '--beams',
  lengthPenalty: '--length-penalty',
  groups: '--groups',
  diversity: '--diversity',
  temperature: '--temperature',
  topK: '--top-k',
  topP: '--top-p',
  seed: '--seed',
  minTokens: '--min-tokens',
  maxTokens: '--max-tokens',
  stop: '--stop',
  begin: '--begin',
  captions: '--captions',
  nearest: '--nearest',
};

/** As commander names them: `--decode` is no option of captioning by that name. */
export type DecodingFlags = Omit<CaptionOptions, 'strategy'> & { readonly decode?: CaptionOptions['strategy'] };

export function addDecodingOptions(command: Command): Command {
  const options = [
    new Option('--decode <strategy>', 'how to search (default: the pack’s)').choices(strategies),
    number('beams', 'n', 'width of a beam search (default: the pack’s)'),
    number('lengthPenalty', 'alpha', 'beam-standard: compare Σ log p / length^alpha (default: 1)'),
    number('groups', 'n', 'beam-standard: groups of a diverse beam search (default: 1)'),
    number('diversity', 'nats', 'beam-standard: what a token costs that an earlier group took (default: 0.5)'),
    number('temperature', 't', 'sample: below 1 sharper, above 1 flatter (default: 1)'),
    number('topK', 'k', 'sample: draw from the k most probable tokens (default: all)'),
    number('topP', 'p', 'sample: draw from the fewest tokens of this probability (default: 1)'),
    number('seed', 'n', 'sample: the same seed draws the same captions (default: 0)'),
    number('captions', 'n', 'captions for each image, at most the beams (default: 1)'),
    number('minTokens', 'n', 'shortest caption in tokens (default: 1)'),
    number('maxTokens', 'n', 'longest caption in tokens (default: the pack’s)'),
    new Option('--stop <token>', 'a token that also ends captions: its id, or its text; can be repeated').argParser(
      collect,
    ),
    new Option('--begin <text>', 'what every caption begins with'),
    number('nearest', 'n', 'nearest words for each prefix position (default: 8)'),
  ];
  return options.reduce((built, option) => built.addOption(option), command);
}

/**
 * What the flags ask for.
 * @param wrong makes the error for flags that contradict each other
 */
export function captionOptions({ decode, ...flags }: DecodingFlags, wrong: (message: string) => Error): CaptionOptions {
  const options: CaptionOptions = decode === undefined ? flags : { strategy: decode, ...flags };
  const problem = problemWith(options, {
    option: (name) => names[name],
    strategy: (needed) => `--decode ${needed.join(' or ')}`,
  });
  if (problem !== undefined) throw wrong(problem);
  const { captions = 1, beams } = options;
  const strategy = strategyOf(options);
  const width = strategy === 'greedy' ? 1 : beams;
  if (strategy !== 'sample' && width !== undefined && captions > width) {
    throw wrong(`--captions ${captions} needs at least as many beams, not ${width}`);
  }
  // Who asks for beams wants a beam search, whatever the pack would do.
  return typeof strategy === 'string' ? { ...options, strategy } : options;
}

function number(name: NumberOptionName, placeholder: string, description: string): Option {
  return new Option(`${names[name]} <${placeholder}>`, description).argParser(inRange(name));
}

function inRange(name: NumberOptionName): (text: string) => number {
  return (text) => {
    const value = /^-?\d+(\.\d+)?$/u.test(text) ? Number(text) : NaN;
    const problem = outOfRange(name, value);
    if (problem === undefined) return value;
    throw new InvalidArgumentError(`It ${problem}.`);
  };
}

/** What is written in digits is an id. */
function collect(text: string, before: readonly (number | string)[] = []): readonly (number | string)[] {
  return [...before, /^\d+$/u.test(text) ? Number(text) : text];
}
