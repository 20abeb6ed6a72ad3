/** Opens whatever was named as the encoder and says what it is, which tensors it has and how images are prepared for it. */
import { openCheckpoint } from '../checkpoints/openCheckpoint.js';
import { unsupported } from '../checkpoints/errors.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { type Activation, type ImportedEncoder, type ReadEncoder, withImage } from './encoders/imported.js';
import { clipPrefix, readHuggingFaceClip } from './encoders/huggingFaceClip.js';
import { readHuggingFaceText } from './text/huggingFaceText.js';
import { readOpenAiText } from './text/openAiText.js';
import { readHuggingFaceVit, vitPrefix } from './encoders/huggingFaceVit.js';
import { readOnnxEncoder } from './encoders/onnxEncoder.js';
import { openAiPrefix, readOpenAi } from './encoders/openAi.js';
import { mismatch } from './errors.js';
import { encoderRecipe } from './preprocessing.js';

/** How each family is told by its names, and read; the first that knows its names takes the checkpoint. */
const families = [
  { find: clipPrefix, read: readHuggingFaceClip, readText: readHuggingFaceText },
  { find: openAiPrefix, read: readOpenAi, readText: readOpenAiText },
  { find: vitPrefix, read: readHuggingFaceVit, readText: undefined },
] as const;

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
    const encoder = await described(readOnnxEncoder(opened, output), opened.path);
    return { ...encoder, file: opened.path, close: async () => {} };
  }
  try {
    if (output !== undefined) {
      throw mismatch(opened.path, 'is no ONNX model, whose outputs have names', 'Leave out --encoder-output.');
    }
    const { encoder, text } = readTensors(opened, activation);
    return { ...(await described(encoder, opened.path)), ...(text && { text }), close: () => opened.close() };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

function readTensors(
  checkpoint: Checkpoint,
  activation: Activation | undefined,
): { encoder: ReadEncoder; text: ImportedEncoder['text'] } {
  for (const { find, read, readText } of families) {
    const prefix = find(checkpoint);
    if (prefix !== undefined) {
      if (activation !== undefined && !readText) throw noClip(checkpoint.path);
      const encoder = read(checkpoint, prefix, activation);
      return { encoder, text: readText && (() => readText(checkpoint, prefix, activation)) };
    }
  }
  const isClipCap = checkpoint.names().some((name) => name.includes('transformer.wte.weight'));
  throw unsupported(
    checkpoint.path,
    isClipCap ? 'is a ClipCap checkpoint, not an image encoder' : 'is no image encoder that is known here',
    'CLIP (of OpenAI or in Hugging Face’s layout), ViT and DINOv2 are read, and ready ONNX encoders.',
  );
}

function noClip(path: string): Error {
  return mismatch(path, 'is no CLIP, whose activation could be said', 'Leave out --activation.');
}

async function described(
  { sizes, imageSize, sources, findings }: ReadEncoder,
  path: string,
): Promise<Omit<ImportedEncoder, 'file' | 'text' | 'close'>> {
  const { image, finding } = await encoderRecipe(path, sizes, imageSize);
  return {
    manifest: withImage(sizes, image),
    embeddingWidth: sizes.embeddingWidth,
    sources,
    findings: [...findings, finding],
  };
}
