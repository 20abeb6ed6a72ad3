/** Opens whatever was named as the encoder and says what it is, which tensors it has and how images are prepared for it. */
import { join } from 'node:path';
import * as z from 'zod/mini';
import { openCheckpoint } from '../checkpoints/openCheckpoint.js';
import { unsupported } from '../checkpoints/errors.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { type Activation, type ImportedEncoder, type ReadEncoder, withImage } from './encoders/imported.js';
import { clipPrefix, readHuggingFaceClip } from './encoders/huggingFaceClip.js';
import { readHuggingFaceText } from './text/huggingFaceText.js';
import { readOpenAiText } from './text/openAiText.js';
import { readHuggingFaceVit, vitModelType, vitPrefix } from './encoders/huggingFaceVit.js';
import { readOnnxEncoder } from './encoders/onnxEncoder.js';
import { openAiPrefix, readOpenAi } from './encoders/openAi.js';
import { mismatch } from './errors.js';
import { placesOf, readConfigFile } from './places.js';
import { encoderRecipe } from './preprocessing.js';

/**
 * How each family is told by its names, and read; the first that knows its names takes the checkpoint. A file of Hugging
 * Face's may lie in its model's folder, whose `config.json` is then of this `model_type`; OpenAI's have no such files.
 */
const families = [
  { find: clipPrefix, read: readHuggingFaceClip, readText: readHuggingFaceText, modelType: /clip/u },
  { find: openAiPrefix, read: readOpenAi, readText: readOpenAiText, modelType: undefined },
  { find: vitPrefix, read: readHuggingFaceVit, readText: undefined, modelType: vitModelType },
] as const;

const typed = z.object({ model_type: z.string() });

/** What was said of an encoder. */
export interface EncoderHints {
  /** Of an ONNX model: which output is the embedding. */
  readonly encoderOutput?: string;
  /** Of a CLIP whose files do not say what it computes with. */
  readonly activation?: Activation;
}

/**
 * @param path a folder in Hugging Face's layout, or a file: OpenAI's archive, a state dict, or an ONNX model
 * @throws CaptionError `checkpoint-missing`, `checkpoint-invalid`, `checkpoint-unsupported` or `checkpoint-mismatch`
 */
export async function openEncoder(
  path: string,
  { encoderOutput: output, activation }: EncoderHints,
): Promise<ImportedEncoder> {
  const opened = await openCheckpoint(path);
  if (opened.format === 'onnx') {
    if (activation !== undefined) throw noClip(opened.path);
    const encoder = await described(readOnnxEncoder(opened, output), opened.path, true);
    return { ...encoder, file: opened.path, close: async () => {} };
  }
  try {
    if (output !== undefined) {
      throw mismatch(opened.path, 'is no ONNX model, whose outputs have names', 'Leave out --encoder-output.');
    }
    const { encoder, text, hasConfig } = await readTensors(opened, activation);
    return {
      ...(await described(encoder, opened.path, hasConfig)),
      ...(text && { text }),
      close: () => opened.close(),
    };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

async function readTensors(
  checkpoint: Checkpoint,
  activation: Activation | undefined,
): Promise<{ encoder: ReadEncoder; text: ImportedEncoder['text']; hasConfig: boolean }> {
  const isFolder = checkpoint.format === 'huggingface';
  for (const { find, read, readText, modelType } of families) {
    const prefix = find(checkpoint);
    if (prefix !== undefined) {
      if (activation !== undefined && !readText) throw noClip(checkpoint.path);
      const beside = !isFolder && modelType ? await configBeside(checkpoint.path, modelType) : undefined;
      const configured = beside === undefined ? checkpoint : { ...checkpoint, config: beside };
      const encoder = read(configured, prefix, activation);
      const text = readText && (() => readText(configured, prefix, activation));
      return { encoder, text, hasConfig: isFolder || modelType !== undefined };
    }
  }
  const isClipCap = checkpoint.names().some((name) => name.includes('transformer.wte.weight'));
  throw unsupported(
    checkpoint.path,
    isClipCap ? 'is a ClipCap checkpoint, not an image encoder' : 'is no image encoder that is known here',
    'CLIP (of OpenAI or in Hugging Face’s layout), ViT and DINOv2 are read, and ready ONNX encoders.',
  );
}

/** Other models' configurations may lie there, too: GPT-2's has the same name. */
async function configBeside(path: string, modelType: RegExp): Promise<unknown> {
  for (const { folder } of await placesOf(path)) {
    const config = await readConfigFile(join(folder, 'config.json'));
    const result = z.safeParse(typed, config);
    if (result.success && modelType.test(result.data.model_type)) return config;
  }
  return undefined;
}

function noClip(path: string): Error {
  return mismatch(path, 'is no CLIP, whose activation could be said', 'Leave out --activation.');
}

async function described(
  { sizes, imageSize, sources, findings }: ReadEncoder,
  path: string,
  hasConfig: boolean,
): Promise<Omit<ImportedEncoder, 'file' | 'text' | 'close'>> {
  const { image, finding } = await encoderRecipe(path, sizes, imageSize, hasConfig);
  return {
    manifest: withImage(sizes, image),
    embeddingWidth: sizes.embeddingWidth,
    sources,
    findings: [...findings, finding],
  };
}
