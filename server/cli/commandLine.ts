/** What the words of a command line ask for. */
import { Command, CommanderError } from 'commander';
import type { CaptionOptions } from '@clipcap/protocol/caption';
import type { DoctorRequest } from './doctor.js';
import { addModelCommands, type GetRequest, type ModelsRequest } from './modelFlags.js';
import { addDecodingOptions, captionOptions, type DecodingFlags } from './decodingFlags.js';
import { addInspectCommand, type InspectRequest } from './inspectFlags.js';
import { addImportCommand, type ImportCommand } from './importFlags.js';

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
  | { readonly kind: 'inspect'; readonly request: InspectRequest }
  | { readonly kind: 'doctor'; readonly request: DoctorRequest }
  /** `consent`: the download was agreed to. */
  | { readonly kind: 'install-cuda'; readonly consent: boolean }
  | { readonly kind: 'import'; readonly command: ImportCommand }
  | { readonly kind: 'models'; readonly request: ModelsRequest }
  | { readonly kind: 'get'; readonly request: GetRequest }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }
  /** `json`: the document is printed too. */
  | { readonly kind: 'usage'; readonly message: string; readonly json: boolean };

interface Flags extends DecodingFlags {
  readonly model: string;
  readonly provider: string;
  readonly json?: boolean;
  readonly output?: string;
}

interface DoctorFlags {
  readonly json?: boolean;
  readonly retryProviders?: boolean;
  readonly installCuda?: boolean;
  readonly yes?: boolean;
}

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
  const captioning = program
    .command('caption')
    .description('Caption images, and the images in folders.')
    .argument('<photo...>', 'image files and folders')
    .option('--model <builtin|folder>', 'the model pack', 'builtin');
  addDecodingOptions(captioning)
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
  addInspectCommand(program, (request) => (asked = { kind: 'inspect', request }), conflict);
  program
    .command('doctor')
    .description('Say what captions are made with here: versions, memory, execution providers, model packs.')
    .argument('[pack...]', 'folders of further model packs')
    .option('--retry-providers', 'forget what is known of the execution providers and try them again')
    .option('--install-cuda', 'download CUDA’s provider library, after asking, and nothing else')
    .option('--yes', 'agree to the download')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      '\nExit code: 0 captions can be made, 2 wrong usage, 3 they cannot, 130 interrupted.' +
        '\nWith --install-cuda: 0 it is installed, 1 you said no, 2 wrong usage, 3 it could not be installed, 130 interrupted.',
    )
    .action((packs: string[], { json, retryProviders, installCuda, yes }: DoctorFlags) => {
      const request = { packs, retry: retryProviders ?? false, json: json ?? false };
      asked = installCuda ? { kind: 'install-cuda', consent: yes ?? false } : { kind: 'doctor', request };
    });
  addImportCommand(program, (command) => {
    asked = { kind: 'import', command };
  });
  addModelCommands(program, {
    models: (request) => (asked = { kind: 'models', request }),
    get: (request) => (asked = { kind: 'get', request }),
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

function toRequest(paths: readonly string[], flags: Flags): CaptionRequest {
  const { model, provider, json, output, ...decoding } = flags;
  if (paths.includes('')) throw conflict('a photo’s path is empty');
  if (model === '' || output === '') throw conflict(`--${model === '' ? 'model' : 'output'} is empty`);
  if (output?.startsWith('-')) throw conflict(`--output needs a file’s name, not ${output} (./${output} if it is one)`);
  const options = captionOptions(decoding, conflict);
  return { paths, model, provider, options, json: json ?? false, output };
}

/** Options that contradict each other. */
function conflict(message: string): CommanderError {
  return new CommanderError(2, 'clipcap.conflict', `error: ${message}`);
}
