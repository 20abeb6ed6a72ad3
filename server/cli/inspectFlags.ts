/** The command line of `clipcap inspect`. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CaptionOptions } from '@clipcap/protocol/caption';
import { strategies, type Strategy } from '@clipcap/protocol/decoding';
import { lensViews, type Intervention, type LensView, type LensViews } from '@clipcap/protocol/lens';
import { addDecodingOptions, captionOptions, type DecodingFlags } from './decodingFlags.js';

export interface InspectRequest {
  readonly path: string;
  readonly model: string;
  readonly provider: string;
  readonly options: CaptionOptions;
  /** As asked for; undefined: all that need no further argument. */
  readonly views: readonly LensView[] | undefined;
  /** Interventions name other photos as given. */
  readonly params: { readonly [View in LensView]: LensViews[View]['params'] };
  /** Images and folders to compare with. */
  readonly others: readonly string[];
  /** Images and folders that stand for every image. */
  readonly reference: readonly string[];
  readonly json: boolean;
  /** The HTML file. */
  readonly report: string | undefined;
}

interface Flags extends DecodingFlags {
  readonly model: string;
  readonly provider: string;
  readonly view?: readonly LensView[];
  readonly with?: readonly string[];
  readonly withModel?: string;
  readonly withDecode?: Strategy;
  readonly reference?: readonly string[];
  readonly wholeWords?: boolean;
  readonly projection?: 'pca' | 'umap';
  readonly mapSeed?: number;
  readonly alternatives?: number;
  readonly force?: { readonly index: number; readonly token: number };
  readonly attention?: 'decoder' | 'mapper';
  readonly layer?: number;
  readonly head?: number;
  readonly norm: boolean;
  readonly top?: number;
  readonly try?: readonly Intervention[];
  readonly grid?: number;
  readonly token?: number;
  readonly json?: boolean;
  readonly report?: string;
}

export function addInspectCommand(
  program: Command,
  action: (request: InspectRequest) => void,
  wrong: (message: string) => Error,
): void {
  const command = program
    .command('inspect')
    .description('Look inside a caption: how an image becomes a prefix, and the prefix words.')
    // Options of several values take what follows them, the photo, too.
    .usage('<photo> [options]')
    .argument('<photo>', 'an image file; first, before --view, --with and --reference, which take all that follows')
    .addOption(new Option('--view <name...>', 'only these views (default: all that need no more)').argParser(view))
    .option('--json', 'print one JSON document')
    .option('--report <file>', 'write a web page that needs no network')
    .option('--model <builtin|folder>', 'the model pack', 'builtin')
    .option('--provider <name>', 'execution provider', 'auto')
    .option('--reference <photo...>', 'photos or folders that stand for every image (default: the pack’s statistics)')
    .option('--whole-words', 'table: only tokens that are whole words')
    .addOption(new Option('--projection <name>', 'map: how it is drawn (default: pca)').choices(['pca', 'umap']))
    .addOption(new Option('--map-seed <n>', 'map: of umap (default: 0)').argParser(count))
    .addOption(new Option('--alternatives <n>', 'tokens: of each token (default: 10)').argParser(count))
    .addOption(new Option('--force <index:id>', 'tokens: put a token at a place and go on from there').argParser(force))
    .addOption(new Option('--attention <of>', 'attention: whose (default: decoder)').choices(['decoder', 'mapper']))
    .addOption(new Option('--layer <n>', 'attention: from 0 (default: the mean of all)').argParser(count))
    .addOption(new Option('--head <n>', 'attention: from 0 (default: the mean of all)').argParser(count))
    .option('--no-norm', 'lens: without the final layer norm')
    .addOption(new Option('--top <n>', 'lens: tokens of each cell (default: 5)').argParser(count))
    .addOption(
      new Option(
        '--try <change>',
        'counterfactuals: drop:P, mean-replace:P, scale:P:FACTOR, insert:P:WORD, swap:P:PHOTO, interpolate:SHARE:PHOTO; ' +
          'can be repeated (default: drop every position)',
      ).argParser(intervention),
    )
    .addOption(new Option('--grid <n>', 'occlusion: cells to a side (default: 7)').argParser(count))
    .addOption(new Option('--token <index>', 'occlusion: of this token only').argParser(count))
    .option('--with <photo...>', 'compare: photos and folders')
    .option('--with-model <builtin|folder>', 'compare: another pack')
    .addOption(new Option('--with-decode <strategy>', 'compare: another way of decoding').choices(strategies));
  addDecodingOptions(command)
    .addHelpText(
      'after',
      `\nViews: ${lensViews.join(', ')}.\nExit code: 0 all shown, 1 the photo or a view failed, 2 wrong usage, 3 pack or runtime failed, 130 interrupted.`,
    )
    .action((path: string, flags: Flags) => {
      action(toRequest(path, flags, wrong));
    });
}

function toRequest(path: string, flags: Flags, wrong: (message: string) => Error): InspectRequest {
  const { model, provider, json, report, view: views, with: others = [], reference = [] } = flags;
  for (const [name, value] of Object.entries({ photo: path, '--model': model, '--report': report })) {
    if (value === '') throw wrong(`${name} is empty`);
  }
  const comparesWith = others.length > 0 || flags.withModel !== undefined || flags.withDecode !== undefined;
  if (views?.includes('compare') === true && !comparesWith) {
    throw wrong('--view compare needs to know with what: --with, --with-model or --with-decode');
  }
  const options = captionOptions(decodingOf(flags), wrong);
  return {
    path,
    model,
    provider,
    options,
    views,
    params: paramsOf(flags),
    others,
    reference,
    json: json ?? false,
    report,
  };
}

/** What the flags say of each view. */
function paramsOf(flags: Flags): InspectRequest['params'] {
  const { nearest, wholeWords, projection, mapSeed, alternatives, force: forced, attention, layer, head } = flags;
  const { norm, top, grid, token, withModel, withDecode } = flags;
  return {
    table: given({ nearest, wholeWords }),
    heatmap: {},
    map: given({ projection, nearest, seed: mapSeed }),
    tokens: given({ alternatives, force: forced }),
    beams: {},
    attention: given({ of: attention, layer, head }),
    lens: given({ norm, top }),
    counterfactuals: given({ interventions: flags.try }),
    occlusion: given({ grid, token }),
    compare: given({
      model: withModel,
      decoding: withDecode && { strategy: withDecode },
    }),
    encoder: {},
  };
}

function decodingOf(flags: Flags): DecodingFlags {
  const { decode, beams, lengthPenalty, groups, diversity, temperature, topK, topP, seed } = flags;
  const { minTokens, maxTokens, stop, begin, captions, nearest } = flags;
  const sampling = { temperature, topK, topP, seed };
  return given({
    decode,
    beams,
    lengthPenalty,
    groups,
    diversity,
    ...sampling,
    minTokens,
    maxTokens,
    stop,
    begin,
    captions,
    nearest,
  });
}

type Given<Fields> = { -readonly [Key in keyof Fields]?: Exclude<Fields[Key], undefined> };

/** Without what was not given. */
function given<Fields extends object>(fields: Fields): Given<Fields> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same fields, fewer of them
  return Object.fromEntries(entries) as Given<Fields>;
}

function view(text: string, before: readonly LensView[] = []): readonly LensView[] {
  const found = lensViews.find((name) => name === text);
  if (found) return before.includes(found) ? before : [...before, found];
  throw new InvalidArgumentError(`It must be one of ${lensViews.join(', ')}. The photo comes before --view.`);
}

function count(text: string): number {
  if (/^\d{1,10}$/u.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

function force(text: string): { index: number; token: number } {
  const [, index, token] = /^(\d{1,9}):(\d{1,9})$/u.exec(text) ?? [];
  if (index !== undefined && token !== undefined) return { index: Number(index), token: Number(token) };
  throw new InvalidArgumentError('It must be a place and a token’s id, for example 2:257.');
}

function intervention(text: string, before: readonly Intervention[] = []): readonly Intervention[] {
  const [, kind = '', first = '', rest] = /^([a-z-]+):([^:]+)(?::(.+))?$/u.exec(text) ?? [];
  const number = /^-?\d+(\.\d+)?$/u.test(first) ? Number(first) : NaN;
  const made = Number.isNaN(number) ? undefined : interventionOf(kind, number, rest);
  if (made) return [...before, made];
  throw new InvalidArgumentError('It must be a change such as drop:3, scale:0:2 or insert:0:dog.');
}

function interventionOf(kind: string, number: number, rest: string | undefined): Intervention | undefined {
  if (kind === 'drop' || kind === 'mean-replace') return rest === undefined ? { kind, position: number } : undefined;
  if (rest === undefined) return undefined;
  if (kind === 'scale') return { kind, position: number, factor: Number(rest) };
  if (kind === 'insert') return { kind, position: number, word: rest };
  if (kind === 'swap') return { kind, position: number, other: rest };
  return kind === 'interpolate' ? { kind, share: number, other: rest } : undefined;
}
