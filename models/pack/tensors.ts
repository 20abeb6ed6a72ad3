/** Which tensors a pack must hold, by its manifest. Names and layouts are those of ClipCap checkpoints. */
import { basename } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';
import type { PackManifest } from './manifest.js';
import type { Safetensors, StoredTensor } from './safetensors.js';

type Shapes = ReadonlyMap<string, readonly number[]>;

/** Mapper linears are PyTorch's [out, in], GPT-2's are stored [in, out]; the output head is the token embedding. */
export function weightShapes(manifest: PackManifest): Shapes {
  const { prefixLength, hiddenWidth } = manifest.mapper;
  const { width, layers, vocabulary, context } = manifest.languageModel;
  const shapes = new Map<string, readonly number[]>([
    ['clip_project.model.0.weight', [hiddenWidth, manifest.encoder.embeddingWidth]],
    ['clip_project.model.0.bias', [hiddenWidth]],
    ['clip_project.model.2.weight', [prefixLength * width, hiddenWidth]],
    ['clip_project.model.2.bias', [prefixLength * width]],
    ['gpt.transformer.wte.weight', [vocabulary, width]],
    ['gpt.transformer.wpe.weight', [context, width]],
    ['gpt.transformer.ln_f.weight', [width]],
    ['gpt.transformer.ln_f.bias', [width]],
  ]);
  for (let layer = 0; layer < layers; layer++) {
    const block = `gpt.transformer.h.${layer}`;
    for (const norm of ['ln_1', 'ln_2']) {
      shapes.set(`${block}.${norm}.weight`, [width]).set(`${block}.${norm}.bias`, [width]);
    }
    for (const [linear, inputs, outputs] of [
      ['attn.c_attn', width, 3 * width],
      ['attn.c_proj', width, width],
      ['mlp.c_fc', width, 4 * width],
      ['mlp.c_proj', 4 * width, width],
    ] as const) {
      shapes.set(`${block}.${linear}.weight`, [inputs, outputs]).set(`${block}.${linear}.bias`, [outputs]);
    }
  }
  return shapes;
}

/** Statistics over the pack's reference images. */
export function statisticsShapes(manifest: PackManifest): Shapes {
  const { width, vocabulary } = manifest.languageModel;
  return new Map<string, readonly number[]>([
    ['prefix_mean', [manifest.mapper.prefixLength, width]],
    ['prefix_covariance', [width, width]],
    ['vocabulary_norms', [vocabulary]],
  ]);
}

/** @throws CaptionError `pack-tensor-mismatch` naming the first tensor that is missing or has another shape */
export function checkTensors({ path, tensors }: Safetensors, expected: Shapes): void {
  for (const [name, shape] of expected) {
    const found = tensors.get(name);
    if (!found || !sameShape(found.shape, shape)) throw mismatch(path, name, shape, found);
    if (found.dtype === 'I8') checkScale(path, found, tensors.get(`${name}.scale`));
  }
}

/** An int8 tensor's scale is float32 and broadcasts to the tensor: value = int8 · scale. */
function checkScale(path: string, tensor: StoredTensor, scale: StoredTensor | undefined): void {
  const fits =
    scale?.dtype === 'F32' &&
    scale.shape.length <= tensor.shape.length &&
    scale.shape.every((size, i) => size === 1 || size === tensor.shape[tensor.shape.length - scale.shape.length + i]);
  if (!fits) throw mismatch(path, `${tensor.name}.scale`, [...tensor.shape.slice(0, -1), 1], scale);
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, index) => size === b[index]);
}

function mismatch(path: string, name: string, shape: readonly number[], found: StoredTensor | undefined): CaptionError {
  const what = found ? `has the shape [${found.shape.join(', ')}] (${found.dtype})` : 'is missing';
  return new CaptionError(
    'pack-tensor-mismatch',
    `In ${basename(path)}, tensor "${name}" ${what}; pack.json asks for [${shape.join(', ')}]. ` +
      `The weights belong to another model: import or download the pack again (${path}).`,
  );
}
