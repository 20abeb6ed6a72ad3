/** A ready ONNX encoder: what it declares must be what an encoder is. */
import { basename } from 'node:path';
import type { OnnxEncoder, OnnxValue } from '../../checkpoints/onnx.js';
import { unsupported } from '../../checkpoints/errors.js';
import type { ReadEncoder } from './imported.js';

const encoderFile = 'encoder.onnx';

const float32 = 1;
/** Where the file leaves the image's size open. */
const usualSize = 224;

/** @throws CaptionError `checkpoint-unsupported` */
export function readOnnxEncoder({ path, inputs, outputs, externalData }: OnnxEncoder): ReadEncoder {
  if (externalData) throw unsupported(path, 'keeps its weights in other files', 'Save it as one file.');
  const pixels = named(inputs, 'pixel_values', 4);
  const embeds = named(outputs, 'image_embeds', 2);
  const embeddingWidth = embeds?.shape[1];
  const [, channels, height, width] = pixels?.shape ?? [];
  const fits =
    inputs.length === 1 &&
    (channels === 3 || typeof channels === 'string') &&
    height === width &&
    typeof embeddingWidth === 'number' &&
    embeddingWidth > 0;
  if (!fits) {
    const found = `${inputs.map(describe).join(', ')} → ${outputs.map(describe).join(', ')}`.slice(0, 500);
    const remedy = 'An encoder takes pixel_values [N,3,H,H] and gives image_embeds [N,d], both float32.';
    throw unsupported(path, `is no image encoder: ${found}`, remedy);
  }
  const isOpen = typeof height !== 'number' || height <= 0;
  return {
    sizes: { kind: 'onnx', embeddingWidth, architecture: basename(path), file: encoderFile },
    imageSize: isOpen ? usualSize : height,
    sources: new Map(),
    findings: isOpen ? [{ what: 'image size', value: `${usualSize} px`, from: 'assumed' }] : [],
  };
}

function named(values: readonly OnnxValue[], name: string, rank: number): OnnxValue | undefined {
  return values.find((value) => value.name === name && value.elementType === float32 && value.shape.length === rank);
}

function describe({ name, shape }: OnnxValue): string {
  return `${name} [${shape.join(',')}]`;
}
