/**
 * Opens what is to be imported and decides everything about the pack, before a byte is written: what shapes and
 * configuration files tell, what was said, and what is usual where nothing is known.
 */
import { basename, join } from 'node:path';
import { stat } from 'node:fs/promises';
import { CheckpointFile } from '../checkpoints/checkpointFile.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { unsupported } from '../checkpoints/errors.js';
import { readJson } from '../checkpoints/huggingFace.js';
import { openCheckpoint } from '../checkpoints/openCheckpoint.js';
import { manifestFault, type PackManifest } from '../pack/manifest.js';
import { weightTensors } from '../pack/tensors.js';
import { clipCapNames, type ClipCapNames } from './clipCapNames.js';
import { encoderThatFits } from './encoderThatFits.js';
import type { ImportedEncoder } from './encoders/imported.js';
import { mismatch } from './errors.js';
import { throwIfCancelled } from './hashedFile.js';
import { CaptionError } from '@clipcap/protocol/error';
import type { Finding } from '@clipcap/protocol/import';
import { type ConfigFile, inferLanguageModel } from './languageModel.js';
import { inferMapper, type InferredMapper } from './mapper.js';
import { openEncoder, type EncoderHints } from './openEncoder.js';
import { refusePack } from './places.js';
import type { ImportDType } from './storeTensor.js';
import { planLabels, withLabels, type LabelRequest, type PlannedLabels } from './text/planLabels.js';
import { stored, type TensorSources } from './tensorSource.js';
import { readTokenizer, type PackTokenizer } from './tokenizerFile.js';
import { readTrainingConfig, type TrainingConfig } from './trainingConfig.js';
import { checkSources } from './weightsFile.js';

/** What was said of an import. Paths are of files and folders that exist on this machine. */
interface ImportRequest extends LabelRequest, EncoderHints {
  readonly checkpoint: string;
  readonly encoder: string;
  readonly dtype: ImportDType;
  readonly mapperHeads?: number;
  readonly normalize?: boolean;
  readonly gpt2Config?: string;
  readonly tokenizer?: string;
  readonly id: string;
  readonly title?: string;
}

export interface ImportPlan {
  /** Without the files, which do not exist yet. */
  readonly manifest: Omit<PackManifest, 'files'>;
  readonly sources: TensorSources;
  /** The file that a tensor of the pack comes from. */
  readonly pathOf: (tensor: string) => string;
  readonly tokenizer: PackTokenizer;
  /** An ONNX file, to be copied. */
  readonly encoderFile: string | undefined;
  /** What the view of the encoder's own words compares images with. */
  readonly labels?: PlannedLabels;
  /** But those of `labels`, which come into the pack only if their embeddings do. */
  readonly findings: readonly Finding[];
  /** Tensors of the checkpoint that are not needed. */
  readonly leftBehind: readonly string[];
  close(): Promise<void>;
}

const maxConfigBytes = 2 ** 20;
/** The longest caption of the reference. */
const maxTokens = 67;
/** The width of the reference's beam search. */
const beams = 5;

/**
 * @param signal is asked when the checkpoint was opened, when the encoder was, and at the end
 * @throws CaptionError `checkpoint-missing`, `checkpoint-invalid`, `checkpoint-unsupported` or `checkpoint-mismatch`;
 * `usage` for an id, a title or labels that cannot be; `cancelled`
 */
export async function planImport(request: ImportRequest, signal?: AbortSignal): Promise<ImportPlan> {
  const opened: { close(): Promise<void> }[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(opened.map((part) => part.close()));
  };
  try {
    for (const named of [request.checkpoint, request.encoder]) await refusePack(named);
    const checkpoint = await openCheckpoint(request.checkpoint);
    if (checkpoint.format === 'onnx') {
      throw unsupported(checkpoint.path, 'is an ONNX model', 'Name a ClipCap model’s state dict.');
    }
    opened.push(checkpoint);
    throwIfCancelled(signal);
    const encoder = await openEncoder(request.encoder, request);
    opened.push(encoder);
    throwIfCancelled(signal);
    const decided = await decide(request, checkpoint, encoder);
    throwIfCancelled(signal);
    return { ...decided, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function decide(
  request: ImportRequest,
  checkpoint: Checkpoint,
  encoder: ImportedEncoder,
): Promise<Omit<ImportPlan, 'close'>> {
  const names = clipCapNames(checkpoint);
  const training = names.layout === 'theocoombes' ? await readTrainingConfig(checkpoint) : undefined;
  const model = await inferLanguageModel(checkpoint, names.tensors, await gpt2Config(request));
  const shapes = new Map([...names.tensors].map(([name, theirs]) => [name, checkpoint.tensor(theirs)!.shape]));
  const inferred = inferMapper(checkpoint.path, shapes, model.sizes.width, {
    layout: names.layout,
    heads: request.mapperHeads,
    normalize: request.normalize,
    configured: training,
  });
  checkWidths(checkpoint, inferred, encoder, request.encoder);
  const tokenizer = await readTokenizer(request.tokenizer, checkpoint.path, model.sizes.vocabulary);
  const { labels, findings: labelFindings } = await planLabels(request, encoder, request.encoder);
  const { mapper } = inferred;
  // The published checkpoints: MLP with GPT-2 tuned and greedy decoding, transformer with GPT-2 frozen and beams.
  const tuned = training?.tuned ?? mapper.kind !== 'transformer';
  const isTied = model.sizes.tiedHead;
  const sources: TensorSources = new Map(encoder.sources);
  for (const [name, theirs] of names.tensors) {
    if (!(isTied && name === 'gpt.lm_head.weight')) sources.set(name, stored(checkpoint, theirs));
  }
  const from = `${basename(checkpoint.path)}, encoder: ${basename(request.encoder)}`;
  const manifest: ImportPlan['manifest'] = {
    schema: 1,
    id: request.id,
    title: request.title ?? basename(checkpoint.path),
    licence: {
      name: 'as its checkpoints',
      file: licenceFile,
      notice: 'Imported weights: the licences of the checkpoint and of the encoder hold.',
    },
    source: `Imported from ${from}`,
    encoder: withLabels(encoder.manifest(inferred.normalize), labels?.manifest),
    mapper,
    languageModel: { architecture: 'gpt2', ...model.sizes, stopTokens: [tokenizer.stopToken], tuned },
    decoding: { strategy: mapper.kind === 'transformer' ? 'beam' : 'greedy', beams, maxTokens },
    dtype: request.dtype,
    training: {},
    scores: {},
  };
  const pathOf = (part: string): string => (part.startsWith('encoder.') ? request.encoder : checkpoint.path);
  checkManifest(manifest, pathOf);
  checkSources(weightTensors(manifest), sources, pathOf);
  return {
    manifest,
    sources,
    pathOf,
    tokenizer,
    encoderFile: encoder.file,
    ...(labels && { labels }),
    findings: [
      ...encoder.findings,
      ...inferred.findings,
      ...model.findings,
      ...trainingFindings(names, training, tuned),
      { what: 'tokenizer', value: tokenizer.description, from: tokenizer.from, flag: '--tokenizer' },
      ...labelFindings,
    ],
    leftBehind: names.others,
  };
}

export const licenceFile = 'LICENSE';

function trainingFindings({ layout }: ClipCapNames, training: TrainingConfig | undefined, tuned: boolean): Finding[] {
  const value = tuned ? 'trained along with the mapper' : 'frozen while the mapper was trained';
  const findings: Finding[] = [{ what: 'GPT-2', value, from: training?.tuned === undefined ? 'assumed' : 'config' }];
  if (layout === 'theocoombes') {
    const place = training?.place ?? 'no YAML file beside it';
    findings.push({ what: 'layout', value: `TheoCoombes/ClipCap, ${place}`, from: 'shapes' });
  }
  return findings;
}

/**
 * A pack that no reader would open is refused before it is written, and in the words of what was given.
 * @param pathOf the file that a part of the pack comes from
 */
function checkManifest(manifest: ImportPlan['manifest'], pathOf: (part: string) => string): void {
  const fault = manifestFault(manifest);
  if (!fault) return;
  const { field, what } = fault;
  if (field === 'id' || field === 'title')
    throw new CaptionError('usage', `--${field} ${what}. Name another, or leave it out.`);
  const remedy = field.startsWith('encoder.')
    ? 'Correct its config.json and preprocessor_config.json, or name another encoder.'
    : 'Name a checkpoint of a ClipCap model.';
  throw mismatch(pathOf(field), `makes no model that can run: ${field} ${what}`, remedy);
}

function checkWidths(
  checkpoint: Checkpoint,
  { embeddingWidth }: InferredMapper,
  encoder: ImportedEncoder,
  encoderPath: string,
): void {
  if (embeddingWidth === encoder.embeddingWidth) return;
  const what = `has a mapper for embeddings of ${embeddingWidth} values, ${basename(encoderPath)} gives ${encoder.embeddingWidth}`;
  throw mismatch(checkpoint.path, what, encoderThatFits(embeddingWidth));
}

/** The file that was named, or that of the folder that was. */
async function gpt2Config({ gpt2Config: named }: ImportRequest): Promise<ConfigFile | undefined> {
  if (named === undefined) return undefined;
  const isFolder = await stat(named).then(
    (status) => status.isDirectory(),
    () => false,
  );
  const path = isFolder ? join(named, 'config.json') : named;
  const file = await CheckpointFile.open(path);
  try {
    return { path, value: await readJson(file, maxConfigBytes) };
  } finally {
    await file.close();
  }
}
