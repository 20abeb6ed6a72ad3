/** A ready ONNX encoder: what it declares must be what an encoder is; what its input and output are called may differ. */
import { basename } from 'node:path';
import type { OnnxEncoder, OnnxValue } from '../../checkpoints/onnx.js';
import { unsupported } from '../../checkpoints/errors.js';
import type { EncoderOutput } from '@clipcap/protocol/import';
import { mismatch, undecided } from '../errors.js';
import type { ReadEncoder } from './imported.js';

const encoderFile = 'encoder.onnx';

/** What packs call an encoder's input and output, and most exports too. */
const usualInput = 'pixel_values';
const usualOutput = 'image_embeds';

const float32 = 1;

/**
 * @param told the output that was said to be the embedding
 * @throws CaptionError `checkpoint-unsupported`, or `checkpoint-mismatch` for an output that it does not have
 */
export function readOnnxEncoder(encoder: OnnxEncoder, told?: string): ReadEncoder {
  const { path, inputs, outputs, externalData } = encoder;
  if (externalData) throw unsupported(path, 'keeps its weights in other files', 'Save it as one file.');
  const [pixels] = inputs;
  const [, channels, ...sides] = pixels?.shape ?? [];
  // A side that differs from run to run has a name or -1; exports name height and width each.
  const sizes = new Set(sides.filter((side): side is number => typeof side === 'number' && side > 0));
  const takesImages =
    pixels?.elementType === float32 &&
    pixels.shape.length === 4 &&
    inputs.length === 1 &&
    (channels === 3 || typeof channels === 'string') &&
    sizes.size <= 1;
  const candidates = outputs.filter(isEmbedding);
  if (!takesImages || candidates.length === 0) {
    const found = `${listed(inputs)} → ${listed(outputs)}`.slice(0, 500);
    const remedy = `An encoder takes ${usualInput} [N,3,H,H] and gives ${usualOutput} [N,d], both float32.`;
    throw unsupported(path, `is no image encoder: ${found}`, remedy);
  }
  const embedding = choose(path, candidates, told);
  return {
    sizes: {
      kind: 'onnx',
      embeddingWidth: Number(embedding.shape[1]),
      architecture: basename(path),
      file: encoderFile,
      ...(pixels.name !== usualInput && { input: pixels.name }),
      ...(embedding.name !== usualOutput && { output: embedding.name }),
    },
    imageSize: [...sizes][0],
    sources: new Map(),
    findings:
      embedding.name === usualOutput && candidates.length === 1
        ? []
        : [
            {
              what: 'encoder’s output',
              value: embedding.name,
              from: told === undefined ? 'assumed' : 'told',
              flag: '--encoder-output',
              ...(candidates.length > 1 && { ambiguous: true, outputs: candidates.map(described) }),
            },
          ],
  };
}

/** Told, or called as usual, or the only one that there is. */
function choose(path: string, candidates: readonly OnnxValue[], told: string | undefined): OnnxValue {
  const wanted = told ?? usualOutput;
  const found = candidates.find(({ name }) => name === wanted);
  if (found) return found;
  const names = candidates.map(({ name, shape }) => `${name.slice(0, 100)} (${String(shape[1])} values)`).join(', ');
  if (told !== undefined) {
    throw mismatch(path, `has no output ${told} of shape [N,d]`, `Name one of these with --encoder-output: ${names}.`);
  }
  const [only, ...others] = candidates;
  if (only && others.length === 0) return only;
  const remedy = `Say which is the image’s embedding: --encoder-output, one of ${names}.`.slice(0, 1000);
  throw undecided(path, `has ${candidates.length} outputs that may be an embedding`, remedy, {
    flag: '--encoder-output',
    outputs: candidates.map(described),
  });
}

function described({ name, shape }: OnnxValue): EncoderOutput {
  return { name, width: Number(shape[1]) };
}

function isEmbedding({ elementType, shape: [, width, ...rest] }: OnnxValue): boolean {
  return elementType === float32 && typeof width === 'number' && width > 0 && rest.length === 0;
}

function listed(values: readonly OnnxValue[]): string {
  return values.map(({ name, shape }) => `${name} [${shape.join(',')}]`).join(', ');
}
