/**
 * What TheoCoombes/ClipCap's scripts noted of a training: in a YAML file beside the checkpoint, and in the checkpoint
 * itself where Lightning saved it. Only numbers and switches are taken, and only what shapes do not say.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, parse as parsePath } from 'node:path';
import { CST, Lexer, parse as parseYaml } from 'yaml';
import * as z from 'zod/mini';
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { invalid, unsupported } from '../checkpoints/errors.js';
import { type Place, placesOf } from './places.js';

/** Those that are written have some two thousand. */
const maxBytes = 2 ** 16;
/** Those that are written have three. The parser calls itself for each, and V8 may end the process without a stack. */
const maxLevels = 64;

const configuration = z.object({
  transformer_attention_heads: z.optional(z.int().check(z.positive())),
  train_language_model: z.optional(z.boolean()),
  encoder_config: z.optional(
    z.nullable(
      z.object({
        normalize_embeddings: z.optional(z.boolean()),
        use_windowed_embeddings: z.optional(z.boolean()),
      }),
    ),
  ),
});

export interface TrainingConfig {
  /** Where it was found, as messages say it. */
  readonly place: string;
  readonly heads: number | undefined;
  /** Whether image embeddings were scaled to length 1. */
  readonly normalize: boolean | undefined;
  /** Whether the language model was trained along. */
  readonly tuned: boolean | undefined;
}

/**
 * Reads the YAML file that belongs to the checkpoint, or what it holds itself.
 * @throws CaptionError `checkpoint-invalid`, or `checkpoint-unsupported` for an encoder that sees windows of the image
 */
export async function readTrainingConfig(checkpoint: Checkpoint): Promise<TrainingConfig | undefined> {
  const { path, hyperParameters } = checkpoint;
  const file = await configFile(path);
  if (file !== undefined) return taken(file, await readYaml(file), `the YAML file ${basename(file)}`);
  return hyperParameters && taken(path, hyperParameters, 'the checkpoint itself');
}

/**
 * Of the YAML files in the folder: the checkpoint's name, or the beginning of it (`demo_model_config.yaml` is written for
 * `demo_epoch_3.ckpt`), or the usual name, or the only file that there is.
 */
async function configFile(checkpoint: string): Promise<string | undefined> {
  for (const place of await placesOf(checkpoint)) {
    const found = await configIn(place);
    if (found !== undefined) return found;
  }
  return undefined;
}

async function configIn({ folder, stem: name }: Place): Promise<string | undefined> {
  const files = (await readdir(folder)).filter((file) => /\.ya?ml$/u.test(file)).sort();
  const stems = new Map(files.map((file) => [parsePath(file).name, file]));
  const ofName = [...stems.keys()]
    .filter(
      (stem) => stem !== name && stem.endsWith('_config') && name.startsWith(stem.replace(/(?:_model)?_config$/u, '')),
    )
    .sort((a, b) => b.length - a.length);
  const stem = [name, ...ofName, 'config', 'model_config'].find((candidate) => stems.has(candidate));
  const found = stem === undefined ? (files.length === 1 ? files[0] : undefined) : stems.get(stem);
  return found === undefined ? undefined : join(folder, found);
}

async function readYaml(path: string): Promise<unknown> {
  const status = await stat(path);
  if (!status.isFile() || status.size > maxBytes) throw invalid(path, `it is no file of at most ${maxBytes} bytes`);
  const text = await readFile(path, 'utf8');
  if (levels(text) > maxLevels) throw invalid(path, `it is nested more than ${maxLevels} levels deep`);
  try {
    return parseYaml(text, { schema: 'core', logLevel: 'error', uniqueKeys: false });
  } catch (cause) {
    throw invalid(path, 'it is not YAML', cause);
  }
}

/**
 * At least half of a YAML text's nesting: a block lies further in than the one around it, unless it is a list in a map,
 * or its indicator follows on the same line.
 */
function levels(text: string): number {
  let [deepest, flows, indent, indicators, isStart] = [0, 0, 0, 0, true];
  for (const token of new Lexer().lex(text)) {
    const type = CST.tokenType(token);
    if (type === 'newline') [indent, indicators] = [0, 0];
    else if (type === 'space' && isStart) indent = token.length;
    else if (type === 'flow-seq-end' || type === 'flow-map-end') flows--;
    else if (type !== null && openers.has(type)) {
      if (type.startsWith('flow')) flows++;
      else indicators++;
      deepest = Math.max(deepest, flows + indent + indicators);
    }
    isStart = type === 'newline';
  }
  return deepest;
}

const openers = new Set(['seq-item-ind', 'explicit-key-ind', 'map-value-ind', 'flow-seq-start', 'flow-map-start']);

function taken(path: string, value: unknown, place: string): TrainingConfig {
  const result = z.safeParse(configuration, value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw invalid(
      path,
      `${issue?.path.map(String).join('.').slice(0, 200) || 'the document'}: ${issue?.message.slice(0, 200)}`,
    );
  }
  const { transformer_attention_heads: heads, train_language_model: tuned, encoder_config: encoder } = result.data;
  if (encoder?.use_windowed_embeddings === true) {
    throw unsupported(path, 'says that the encoder sees windows of the image', 'Only whole images are encoded.');
  }
  return { place, heads, normalize: encoder?.normalize_embeddings, tuned };
}
