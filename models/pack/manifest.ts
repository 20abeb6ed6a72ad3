/**
 * The manifest of a model pack (`pack.json`): what the model is, how images must be prepared for it, and which files
 * belong to it. Everything that a graph, a preprocessing step or a search needs to know is read from here, never guessed.
 */
import * as z from 'zod/mini';
import { en } from 'zod/locales';
import { CaptionError } from '@clipcap/protocol/error';
import { encoder, labelsOf } from './encoderManifest.js';
import { count, depth, fileName, text } from './manifestFields.js';

// zod/mini (a third of zod's start-up time) brings no messages of its own.
z.config(en());

/** The newest schema that this version reads. */
const schemaVersion = 1;

/** Files that every pack has beside its manifest; an encoder that is not built from the weights is another. */
export const packFiles = {
  manifest: 'pack.json',
  weights: 'weights.safetensors',
  statistics: 'statistics.safetensors',
  tokenizer: 'tokenizer.json',
} as const;

const languageModel = z
  .object({
    architecture: z.literal('gpt2'),
    width: count,
    layers: depth,
    heads: count,
    vocabulary: count,
    /** How many positions the model has. */
    context: count,
    /** A token of these ends the caption and stays in its text. */
    stopTokens: z.array(z.int().check(z.nonnegative())).check(z.minLength(1)),
    /** Whether the output head is the token embedding, as GPT-2's is; otherwise the pack has `gpt.lm_head.weight`. */
    tiedHead: z._default(z.boolean(), true),
    /** Whether the language model was trained along with the mapper. */
    tuned: z.boolean(),
  })
  .check(
    z.refine((model) => model.width % model.heads === 0, { path: ['heads'], error: 'must divide the width' }),
    z.refine((model) => model.stopTokens.every((id) => id < model.vocabulary), {
      path: ['stopTokens'],
      error: 'must lie in the vocabulary',
    }),
  );

const mapper = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('mlp'), prefixLength: count, hiddenWidth: count }),
  z.object({ kind: z.literal('linear'), prefixLength: count }),
  z.object({
    kind: z.literal('transformer'),
    /** K, the learned rows that become the prefix. */
    prefixLength: count,
    /** C, the rows that the image embedding is spread over. */
    clipLength: count,
    layers: depth,
    heads: count,
  }),
]);

/**
 * How matrices are stored. `fp16` is widened when the model is loaded; `q8` and `q4` are blocks of 32 values with a scale
 * each; `mixed` is whatever each tensor says it is.
 */
const dtypes = ['fp32', 'fp16', 'q8', 'q4', 'mixed'] as const;
export type PackDType = (typeof dtypes)[number];

const manifest = z
  .object({
    schema: z.literal(schemaVersion),
    id: text,
    title: text,
    licence: z.object({ name: text, file: fileName, notice: text }),
    source: text,
    encoder,
    mapper,
    languageModel,
    decoding: z.object({ strategy: z.enum(['beam', 'greedy']), beams: count.check(z.lte(64)), maxTokens: count }),
    dtype: z.enum(dtypes),
    training: z.record(z.string(), z.unknown()),
    scores: z.record(z.string(), z.unknown()),
    files: z.record(
      fileName,
      z.object({ size: z.int().check(z.nonnegative()), sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)) }),
    ),
  })
  .check(
    z.refine((pack) => pack.mapper.prefixLength < pack.languageModel.context, {
      path: ['mapper', 'prefixLength'],
      error: 'must be smaller than the language model’s context',
    }),
    z.refine((pack) => pack.mapper.kind !== 'transformer' || pack.languageModel.width % pack.mapper.heads === 0, {
      path: ['mapper', 'heads'],
      error: 'must divide the language model’s width',
    }),
  );

/** What to do about a broken manifest: an import replaces no folder that it cannot tell to be a pack. */
export const manifestRemedy = 'Import or download the pack again into a new folder.';

export type { EncoderManifest } from './encoderManifest.js';
export type { ImageRecipe } from './imageRecipe.js';
export type PackManifest = Readonly<z.infer<typeof manifest>>;
export type MapperManifest = PackManifest['mapper'];
export type LanguageModelManifest = Readonly<z.infer<typeof languageModel>>;

/**
 * Checks a parsed `pack.json`.
 * @param path what messages call the file
 * @throws CaptionError `pack-newer` for a schema of a later version, else `pack-invalid` naming the field
 */
export function parseManifest(value: unknown, path: string): PackManifest {
  const { schema } = (value ?? {}) as { schema?: unknown };
  if (typeof schema === 'number' && schema > schemaVersion) {
    throw new CaptionError(
      'pack-newer',
      `${path} has schema ${schema}, this version reads up to ${schemaVersion}. Update ClipCap Lens, or use an older pack.`,
    );
  }
  const result = z.safeParse(manifest, value);
  if (!result.success) throw invalidField(result.error.issues[0], path);
  const { encoder: described, files } = result.data;
  const listed: string[] = [packFiles.weights, packFiles.statistics, packFiles.tokenizer];
  if (described.kind === 'onnx') listed.push(described.file);
  const labels = labelsOf(described);
  if (labels) listed.push(labels.file);
  const unlisted = listed.find((name) => !Object.hasOwn(files, name));
  if (unlisted !== undefined) throw invalidField({ path: ['files', unlisted], message: 'is missing' }, path);
  return result.data;
}

/** What keeps a manifest from being valid whose files are not there yet: a field, and what it must be. */
export function manifestFault(draft: Omit<PackManifest, 'files'>): ManifestFault | undefined {
  const { error } = z.safeParse(manifest, { ...draft, files: {} });
  const [issue] = error?.issues ?? [];
  if (!issue) return undefined;
  const value = issue.path.reduce<unknown>((part, key) => Reflect.get(Object(part), key), draft);
  const { field, what } = faultOf(issue);
  return { field, what: typeof value === 'number' ? `is ${value} and ${what}` : what };
}

interface ManifestFault {
  /** Its path, such as `encoder.image.size`. */
  readonly field: string;
  /** “must …”, and of a number which it is. */
  readonly what: string;
}

interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

function faultOf(issue: Issue | undefined): ManifestFault {
  return { field: issue?.path.map(String).join('.') || 'the document', what: plainly(issue?.message ?? 'invalid') };
}

function invalidField(issue: Issue | undefined, path: string): CaptionError {
  const { field, what } = faultOf(issue);
  const message = `${path} is not a valid manifest: ${field}: ${what}. ${manifestRemedy}`;
  return new CaptionError('pack-invalid', message);
}

/** The schema library's words as the rest of a sentence about a field. */
function plainly(message: string): string {
  return message
    .replace(/^Invalid input: expected (.+?)(, received .+)?$/u, 'must be $1$2')
    .replace(/^Too (?:small|big): expected (?:\w+ )?to /u, 'must ')
    .replace(', received undefined', ', but is missing')
    .replace(', received', ', not');
}
