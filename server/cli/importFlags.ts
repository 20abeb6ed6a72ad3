/** The command line of `clipcap import`. */
import { type Command, InvalidArgumentError, Option } from 'commander';

const importDTypes = ['fp32', 'fp16', 'q8', 'q4'] as const;
const activations = ['quick-gelu', 'gelu'] as const;

interface ImportFlags {
  readonly encoder: string;
  readonly out: string;
  readonly encoderOutput?: string;
  readonly activation?: (typeof activations)[number];
  readonly dtype: (typeof importDTypes)[number];
  readonly mapperHeads?: number;
  readonly normalize?: boolean;
  readonly gpt2Config?: string;
  readonly tokenizer?: string;
  readonly labels?: string | false;
  readonly id?: string;
  readonly title?: string;
  readonly image?: string;
  readonly reference?: string;
  readonly check: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export interface ImportCommand extends ImportFlags {
  readonly checkpoint: string;
}

export function addImportCommand(program: Command, action: (command: ImportCommand) => void): void {
  const importing = program
    .command('import')
    .description('Make a model pack of a ClipCap checkpoint and an image encoder.')
    .argument('<checkpoint>', 'PyTorch or safetensors file, or a folder')
    .requiredOption(
      '--encoder <folder|file|id>',
      'image encoder: a Hugging Face folder, an OpenAI archive, an ONNX file, or a downloaded model',
    )
    .option('--encoder-output <name>', 'the output of an ONNX encoder that is the embedding (default: image_embeds)')
    .addOption(
      new Option('--activation <name>', 'of a CLIP whose files do not say it (default: quick-gelu)').choices(
        activations,
      ),
    )
    .requiredOption('--out <folder>', 'the new pack; a pack that is there is replaced')
    .addOption(new Option('--dtype <type>', 'how matrices are stored').choices(importDTypes).default('fp32'))
    .addOption(new Option('--mapper-heads <n>', 'heads of a transformer mapper (default: 8)').argParser(count))
    .option('--normalize', 'the mapper takes embeddings of length 1 (default: as the official checkpoints)')
    .option('--no-normalize', 'the mapper takes embeddings as the encoder gives them')
    .option('--gpt2-config <file>', 'config.json of its GPT-2 (default: heads of width 64)')
    .option('--tokenizer <file>', 'tokenizer.json (default: the one beside the checkpoint, else GPT-2’s)')
    .option('--labels <file>', 'labels that CLIP’s text side is run on, one a line (default: 1,300 usual ones)')
    .option('--no-labels', 'leave the encoder without words of its own')
    .option('--id <id>', 'the pack’s id (default: the folder’s name)')
    .option('--title <title>', 'the pack’s title')
    .option('--image <photo>', 'what the finished pack is tried on (default: a generated picture)')
    .option('--reference <folder>', 'photos whose prefixes are measured for the statistics')
    .option('--no-check', 'do not try the finished pack')
    .option('--dry-run', 'only say what would be imported')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      '\nExit code: 0 imported, 2 wrong usage, 3 not imported, 130 interrupted; nothing is left half-written.',
    )
    .action((checkpoint: string, flags: ImportFlags) => {
      // An empty path would mean the current folder.
      const empty = importing.options.find((option) => importing.getOptionValue(option.attributeName()) === '');
      if (checkpoint === '' || empty) importing.error(`error: ${empty?.long ?? 'checkpoint'} is empty`);
      action({ checkpoint, ...flags });
    });
  refuseBoth(importing, 'normalize');
  refuseBoth(importing, 'labels');
}

/** Of an option and its opposite the last one would count, which nobody sees. */
function refuseBoth(command: Command, name: string): void {
  const given = new Set<string>();
  for (const flag of [name, `no-${name}`]) {
    command.on(`option:${flag}`, () => {
      if (given.add(flag).size === 2) command.error(`error: --${name} and --no-${name} contradict each other`);
    });
  }
}

function count(text: string): number {
  const value = /^\d+$/u.test(text) ? Number(text) : NaN;
  if (value >= 1 && value <= 1024) return value;
  throw new InvalidArgumentError('It must be a whole number from 1 to 1024.');
}
