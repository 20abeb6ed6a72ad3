/**
 * The YAML file that TheoCoombes/ClipCap keeps beside its checkpoints. Only numbers and switches are taken from it, and
 * only what shapes do not say.
 */
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, parse as parsePath } from 'node:path';
import { parse as parseYaml } from 'yaml';
import * as z from 'zod/mini';
import { invalid, unsupported } from '../checkpoints/errors.js';

const maxBytes = 2 ** 20;

const configuration = z.object({
  transformer_attention_heads: z.optional(z.int().check(z.positive())),
  train_language_model: z.optional(z.boolean()),
  encoder_config: z.optional(z.nullable(z.object({ use_windowed_embeddings: z.optional(z.boolean()) }))),
});

export interface TrainingConfig {
  readonly path: string;
  readonly heads: number | undefined;
  /** Whether the language model was trained along. */
  readonly tuned: boolean | undefined;
}

/**
 * Reads the file of the checkpoint's name, or the folder's.
 * @throws CaptionError `checkpoint-invalid`, or `checkpoint-unsupported` for an encoder that sees windows of the image
 */
export async function readTrainingConfig(checkpoint: string): Promise<TrainingConfig | undefined> {
  const { name } = parsePath(checkpoint);
  const stems = [name, `${name}_config`, 'config', 'model_config'];
  const candidates = stems.flatMap((stem) => [`${stem}.yaml`, `${stem}.yml`]);
  for (const candidate of candidates) {
    const path = join(dirname(checkpoint), candidate);
    const status = await stat(path).catch(() => undefined);
    if (status?.isFile()) return parse(path, status.size);
  }
  return undefined;
}

async function parse(path: string, size: number): Promise<TrainingConfig> {
  if (size > maxBytes) throw invalid(path, `it has ${size} bytes, at most ${maxBytes} are read`);
  let value: unknown;
  try {
    value = parseYaml(await readFile(path, 'utf8'), { schema: 'core', logLevel: 'silent' });
  } catch (cause) {
    throw invalid(path, 'it is not YAML', cause);
  }
  const result = z.safeParse(configuration, value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw invalid(path, `${issue?.path.map(String).join('.').slice(0, 200)}: ${issue?.message.slice(0, 200)}`);
  }
  const { transformer_attention_heads: heads, train_language_model: tuned, encoder_config: encoder } = result.data;
  if (encoder?.use_windowed_embeddings === true) {
    throw unsupported(path, 'says that the encoder sees windows of the image', 'Only whole images are encoded.');
  }
  return { path, heads, tuned };
}
