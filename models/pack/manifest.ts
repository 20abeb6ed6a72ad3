/**
 * The manifest of a model pack (`pack.json`): what the model is, how images must be prepared for it, and which files
 * belong to it. Everything that a graph, a preprocessing step or a search needs to know is read from here, never guessed.
 */
import * as z from 'zod/mini';
import { en } from 'zod/locales';
import { CaptionError } from '@clipcap/protocol/error';

// zod/mini (a third of zod's start-up time) brings no messages of its own.
z.config(en());

/** The newest schema that this version reads. */
const schemaVersion = 1;

/** Files that every pack has, beside its manifest and its encoder. */
export const packFiles = {
  manifest: 'pack.json',
  weights: 'weights.safetensors',
  statistics: 'statistics.safetensors',
  tokenizer: 'tokenizer.json',
} as const;

const count = z.int().check(z.positive(), z.lte(1_000_000));
const text = z.string().check(z.minLength(1));
const channels = z.tuple([z.number(), z.number(), z.number()]);

/** A plain name: files are siblings of the manifest, so that no pack can reach outside its folder. */
const fileName = z
  .string()
  .check(z.regex(/^(?!\.{1,2}$)[^/\\:\0]{1,255}$/, 'must be the plain name of a file in the pack’s folder'));

const imageRecipe = z
  .object({
    /** Side of the square that the encoder takes, in pixels. */
    size: count.check(z.lte(4096)),
    /** `shortest-edge` keeps the aspect, `stretch` makes both sides `size`. */
    resize: z.enum(['shortest-edge', 'stretch']),
    resampling: z.enum(['bilinear', 'bicubic']),
    crop: z.enum(['center', 'none']),
    /** Per channel, of values scaled to 0…1. */
    mean: channels,
    std: channels.check(z.refine((std) => std.every((value) => value !== 0), 'must not contain 0')),
  })
  .check(
    // Only a side that keeps the aspect leaves something to cut off.
    z.refine((image) => (image.resize === 'shortest-edge') === (image.crop === 'center'), {
      path: ['crop'],
      error: 'must be center after shortest-edge, none after stretch',
    }),
  );

const languageModel = z
  .object({
    architecture: z.literal('gpt2'),
    width: count,
    layers: count.check(z.lte(256)),
    heads: count,
    vocabulary: count,
    /** How many positions the model has. */
    context: count,
    /** A token of these ends the caption and stays in its text. */
    stopTokens: z.array(z.int().check(z.nonnegative())).check(z.minLength(1)),
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

const manifest = z
  .object({
    schema: z.literal(schemaVersion),
    id: text,
    title: text,
    licence: z.object({ name: text, file: fileName, notice: text }),
    source: text,
    encoder: z.object({
      kind: z.literal('onnx'),
      architecture: text,
      file: fileName,
      embeddingWidth: count,
      /** Whether the embedding is scaled to length 1 before the mapper. */
      normalize: z.boolean(),
      classLabels: z.optional(z.array(z.string())),
      image: imageRecipe,
    }),
    mapper: z.object({ kind: z.literal('mlp'), prefixLength: count, hiddenWidth: count }),
    languageModel,
    decoding: z.object({ strategy: z.enum(['beam', 'greedy']), beams: count.check(z.lte(64)), maxTokens: count }),
    dtype: text,
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
  );

export type PackManifest = Readonly<z.infer<typeof manifest>>;
export type ImageRecipe = Readonly<z.infer<typeof imageRecipe>>;
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
  const listed = [packFiles.weights, packFiles.statistics, packFiles.tokenizer, result.data.encoder.file];
  const unlisted = listed.find((name) => !Object.hasOwn(result.data.files, name));
  if (unlisted !== undefined) throw invalidField({ path: ['files', unlisted], message: 'is missing' }, path);
  return result.data;
}

function invalidField(
  issue: { readonly path: readonly PropertyKey[]; readonly message: string } | undefined,
  path: string,
): CaptionError {
  const field = issue?.path.map(String).join('.') || 'the document';
  return new CaptionError(
    'pack-invalid',
    `${path} is not a valid manifest: ${field}: ${plainly(issue?.message ?? 'invalid')}. Import or download the pack again.`,
  );
}

/** The schema library's words as the rest of a sentence about a field. */
function plainly(message: string): string {
  return message
    .replace(/^Invalid input: expected (.+?)(, received .+)?$/u, 'must be $1$2')
    .replace(/^Too (?:small|big): expected (?:\w+ )?to /u, 'must ')
    .replace(', received undefined', ', but is missing')
    .replace(', received', ', not');
}
