/** Opens whatever was named as the encoder and says what it is, which tensors it has and how images are prepared for it. */
import { openCheckpoint } from '../checkpoints/openCheckpoint.js';
import { unsupported } from '../checkpoints/errors.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { type ImportedEncoder, type ReadEncoder, withImage } from './encoders/imported.js';
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

/**
 * @param path a folder in Hugging Face's layout, or a file: OpenAI's archive, a state dict, or an ONNX model
 * @param output the output of an ONNX model that is the embedding, if it was said
 * @throws CaptionError `checkpoint-missing`, `checkpoint-invalid`, `checkpoint-unsupported` or `checkpoint-mismatch`
 */
export async function openEncoder(path: string, output?: string): Promise<ImportedEncoder> {
  const opened = await openCheckpoint(path);
  if (opened.format === 'onnx') {
    const encoder = await described(readOnnxEncoder(opened, output), opened.path);
    return { ...encoder, file: opened.path, close: async () => {} };
  }
  try {
    if (output !== undefined) {
      throw mismatch(opened.path, 'is no ONNX model, whose outputs have names', 'Leave out --encoder-output.');
    }
    const { encoder, text } = readTensors(opened);
    return { ...(await described(encoder, opened.path)), ...(text && { text }), close: () => opened.close() };
  } catch (error) {
    await opened.close();
    throw error;
  }
}

function readTensors(checkpoint: Checkpoint): { encoder: ReadEncoder; text: ImportedEncoder['text'] } {
  for (const { find, read, readText } of families) {
    const prefix = find(checkpoint);
    if (prefix !== undefined) {
      return { encoder: read(checkpoint, prefix), text: readText && (() => readText(checkpoint, prefix)) };
    }
  }
  const isClipCap = checkpoint.names().some((name) => name.includes('transformer.wte.weight'));
  throw unsupported(
    checkpoint.path,
    isClipCap ? 'is a ClipCap checkpoint, not an image encoder' : 'is no image encoder that is known here',
    'CLIP (of OpenAI or in Hugging Face’s layout), ViT and DINOv2 are read, and ready ONNX encoders.',
  );
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
