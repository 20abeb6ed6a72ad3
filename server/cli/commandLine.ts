/** What the words of a command line ask for. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { CaptionOptions } from '@clipcap/protocol/caption';

export interface CaptionRequest {
  /** Images and folders, as given. */
  readonly paths: readonly string[];
  /** `builtin` or a pack's folder. */
  readonly model: string;
  readonly provider: string;
  readonly options: CaptionOptions;
  readonly json: boolean;
  /** The file that takes the document. */
  readonly output: string | undefined;
}

export type CommandLine =
  | { readonly kind: 'caption'; readonly request: CaptionRequest }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }
  /** `json`: the document is printed too. */
  | { readonly kind: 'usage'; readonly message: string; readonly json: boolean };

interface Flags {
  readonly model: string;
  readonly decode?: 'greedy' | 'beam';
  readonly beams?: number;
  readonly captions?: number;
  readonly nearest?: number;
  readonly maxTokens?: number;
  readonly provider: string;
  readonly json?: boolean;
  readonly output?: string;
}

/** Wider beams find nothing better and take memory in proportion. */
const maxBeams = 64;

/** Understands the arguments after the program's name. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  let asked: CommandLine | undefined;
  let text = '';
  const program = new Command('clipcap')
    .description('Captions images with ClipCap, offline, and shows the words nearest to each prefix embedding.')
    .option('-V, --version', 'print the version')
    .exitOverride()
    .configureOutput({ writeOut: (part) => (text += part), writeErr: (part) => (text += part) })
    .showHelpAfterError('(--help explains the options)')
    .on('option:version', () => {
      asked = { kind: 'version' };
      throw new CommanderError(0, 'clipcap.version', '');
    });
  program
    .command('caption')
    .description('Caption images, and the images in folders.')
    .argument('<photo...>', 'image files and folders')
    .option('--model <id|folder>', 'the model pack', 'builtin')
    .addOption(new Option('--decode <strategy>', 'how to search (default: the pack’s)').choices(['greedy', 'beam']))
    .option('--beams <n>', 'width of the beam search (default: the pack’s)', wholeNumber(maxBeams))
    .option('--captions <n>', 'captions for each image, at most the beams (default: 1)', wholeNumber(maxBeams))
    .option('--nearest <n>', 'nearest words for each prefix position (default: 8)', wholeNumber())
    .option('--max-tokens <n>', 'longest caption in tokens (default: 67)', wholeNumber())
    .option('--provider <name>', 'execution provider', 'auto')
    .option('--json', 'print one JSON document')
    .option('--output <file>', 'write the JSON document to a file, print nothing')
    .addHelpText(
      'after',
      '\nA folder means every image in it at any depth, hidden folders and node_modules too; links are not followed.' +
        '\nExit code: 0 all captioned, 1 images failed, 2 wrong usage, 3 pack or runtime failed, 130 interrupted.',
    )
    .action((paths: string[], flags: Flags) => {
      asked = { kind: 'caption', request: toRequest(paths, flags) };
    });
  try {
    program.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (asked) return asked;
    if (error.exitCode === 0) return { kind: 'help', text };
    return { kind: 'usage', message: text === '' ? `${error.message}\n` : text, json: printsDocument(args) };
  }
  return asked ?? { kind: 'usage', message: text, json: printsDocument(args) };
}

/** What wrong arguments ask for, as far as they can be understood: with `--output` nothing is printed. */
function printsDocument(args: readonly string[]): boolean {
  return args.includes('--json') && !args.some((arg) => arg === '--output' || arg.startsWith('--output='));
}

function wholeNumber(max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/u.test(text) ? Number(text) : NaN;
    if (value >= 1 && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? 'at least 1' : `from 1 to ${max}`;
    throw new InvalidArgumentError(`It must be a whole number ${range}.`);
  };
}

function toRequest(paths: readonly string[], flags: Flags): CaptionRequest {
  const { model, provider, decode, beams, captions, nearest, maxTokens, json, output } = flags;
  if (paths.includes('')) throw conflict('a photo’s path is empty');
  if (model === '' || output === '') throw conflict(`--${model === '' ? 'model' : 'output'} is empty`);
  if (output?.startsWith('-')) throw conflict(`--output needs a file’s name, not ${output} (./${output} if it is one)`);
  const width = decode === 'greedy' ? 1 : beams;
  if (decode === 'greedy' && (beams ?? 1) > 1) throw conflict('--beams needs --decode beam');
  if (captions !== undefined && width !== undefined && captions > width) {
    throw conflict(`--captions ${captions} needs at least as many beams, not ${width}`);
  }
  // Who asks for beams wants a beam search, whatever the pack would do.
  const strategy = decode ?? ((beams ?? 1) > 1 ? 'beam' : undefined);
  const options: CaptionOptions = {
    ...(strategy !== undefined && { strategy }),
    ...(beams !== undefined && { beams }),
    ...(captions !== undefined && { captions }),
    ...(nearest !== undefined && { nearest }),
    ...(maxTokens !== undefined && { maxTokens }),
  };
  return { paths, model, provider, options, json: json ?? false, output };
}

/** Options that contradict each other. */
function conflict(message: string): CommanderError {
  return new CommanderError(2, 'clipcap.conflict', `error: ${message}`);
}
