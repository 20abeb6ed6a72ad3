/** What the tensors of a GPT-2 say of its size, and what its `config.json` adds. */
import * as z from 'zod/mini';
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { invalid, unsupported } from '../checkpoints/errors.js';
import type { LanguageModelManifest } from '../pack/manifest.js';
import { mismatch } from './errors.js';
import type { Finding } from '@clipcap/protocol/import';
import { stored } from './tensorSource.js';

/** What counts of GPT-2's configuration; everything else is in the shapes. Transformers always writes `n_head`. */
const gpt2Config = z.object({
  model_type: z._default(z.literal('gpt2'), 'gpt2'),
  n_head: z.int().check(z.positive()),
  n_layer: z.optional(z.int()),
  n_embd: z.optional(z.int()),
  n_positions: z.optional(z.int()),
  vocab_size: z.optional(z.int()),
  activation_function: z.optional(z.string()),
  layer_norm_epsilon: z.optional(z.number()),
  scale_attn_by_inverse_layer_idx: z.optional(z.boolean()),
  scale_attn_weights: z.optional(z.boolean()),
});

/** A configuration file, read and parsed. */
export interface ConfigFile {
  readonly path: string;
  readonly value: unknown;
}

type Sizes = Pick<LanguageModelManifest, 'width' | 'layers' | 'heads' | 'vocabulary' | 'context' | 'tiedHead'>;

const usualHeadWidth = 64;

/**
 * @param tensors from official names to the checkpoint's
 * @throws CaptionError `checkpoint-invalid`, `checkpoint-unsupported` or `checkpoint-mismatch`
 */
export async function inferLanguageModel(
  checkpoint: Checkpoint,
  tensors: ReadonlyMap<string, string>,
  config: ConfigFile | undefined,
): Promise<{ sizes: Sizes; findings: Finding[] }> {
  const shapeOf = (name: string): readonly number[] => {
    const shape = checkpoint.tensor(tensors.get(name) ?? '')?.shape;
    if (shape?.length !== 2) throw invalid(checkpoint.path, `GPT-2’s tensor ${name} is missing or no matrix`);
    return shape;
  };
  const [vocabulary = 0, width = 0] = shapeOf('gpt.transformer.wte.weight');
  const [context = 0] = shapeOf('gpt.transformer.wpe.weight');
  const blocks = [...tensors.keys()].map((name) => /^gpt\.transformer\.h\.(\d+)\./u.exec(name)?.[1]);
  const layers = new Set(blocks.filter((block) => block !== undefined)).size;
  const told = config && readConfig(config, { width, layers, context, vocabulary });
  const heads = told?.n_head ?? width / usualHeadWidth;
  if (!Number.isInteger(heads) || width % heads !== 0) {
    const what = `has a GPT-2 of width ${width}, which ${heads} heads do not divide`;
    throw mismatch(
      checkpoint.path,
      what,
      'On the command line, name the config.json that says n_head with --gpt2-config.',
    );
  }
  const tiedHead = await isTied(checkpoint, tensors);
  const findings: Finding[] = [
    { what: 'language model', value: `GPT-2, depth ${layers}, width ${width}`, from: 'shapes' },
    { what: 'vocabulary', value: `${vocabulary} tokens, ${tiedHead ? 'tied' : 'untied'} head`, from: 'shapes' },
    {
      what: 'GPT-2’s heads',
      value: String(heads),
      from: told ? 'config' : 'assumed',
      flag: '--gpt2-config',
    },
  ];
  return { sizes: { width, layers, heads, vocabulary, context, tiedHead }, findings };
}

function readConfig(
  { path, value }: ConfigFile,
  { width, layers, context, vocabulary }: Pick<Sizes, 'width' | 'layers' | 'context' | 'vocabulary'>,
): z.infer<typeof gpt2Config> {
  const result = z.safeParse(gpt2Config, value);
  if (!result.success) {
    const what = 'is no configuration of a GPT-2 that says n_head';
    throw mismatch(path, what, 'Name that of the checkpoint’s language model.');
  }
  const config = result.data;
  const { n_layer: theirLayers = layers, n_embd: theirWidth = width } = config;
  if (theirLayers !== layers || theirWidth !== width) {
    const theirs = `${theirLayers} layers of width ${theirWidth}`;
    throw mismatch(path, `describes ${theirs}; the checkpoint has ${layers} of ${width}`, 'Name its own config.json.');
  }
  const { n_positions: theirContext = context, vocab_size: theirVocabulary = vocabulary } = config;
  // A vocabulary that was extended or padded for the training is larger than the original configuration says.
  if (theirContext !== context || theirVocabulary > vocabulary) {
    const theirs = `${theirContext} positions and ${theirVocabulary} tokens`;
    const what = `describes ${theirs}; the checkpoint has ${context} and ${vocabulary}`;
    throw mismatch(path, what, 'Name its own config.json.');
  }
  const other =
    (config.activation_function ?? 'gelu_new') !== 'gelu_new' ||
    (config.layer_norm_epsilon ?? 1e-5) !== 1e-5 ||
    config.scale_attn_by_inverse_layer_idx === true ||
    config.scale_attn_weights === false;
  if (other) throw unsupported(path, 'describes a GPT-2 that computes differently', 'Only the usual one is built.');
  return config;
}

/** The head is the token embedding where it is left out, where both are one tensor, and where all values are equal. */
async function isTied(checkpoint: Checkpoint, tensors: ReadonlyMap<string, string>): Promise<boolean> {
  const [embedding, head] = ['gpt.transformer.wte.weight', 'gpt.lm_head.weight'].map((name) => tensors.get(name));
  if (head === undefined || embedding === undefined) return true;
  const [a, b] = [checkpoint.tensor(embedding)!, checkpoint.tensor(head)!];
  if (a.identity === b.identity) return true;
  if (a.shape.join() !== b.shape.join()) return false;
  const theirs = stored(checkpoint, head).read()[Symbol.asyncIterator]();
  try {
    for await (const piece of stored(checkpoint, embedding).read()) {
      const other = await theirs.next();
      if (other.done === true || !sameValues(piece, other.value)) return false;
    }
  } finally {
    await theirs.return?.();
  }
  return true;
}

function sameValues(a: Float32Array, b: Float32Array): boolean {
  return Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer, b.byteOffset, b.byteLength));
}
