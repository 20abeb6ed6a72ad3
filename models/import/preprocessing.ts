/** How images are prepared for an encoder: as the file beside it says, or as is usual for its kind. */
import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CheckpointFile } from '../checkpoints/checkpointFile.js';
import { readJson } from '../checkpoints/huggingFace.js';
import { clipImageRecipe, holdsImageProcessor, imageRecipe } from '../checkpoints/preprocessorConfig.js';
import type { ImageRecipe } from '../pack/imageRecipe.js';
import type { EncoderSizes } from './encoders/imported.js';
import { mismatch } from './errors.js';
import { placesOf } from './places.js';
import type { Finding } from '@clipcap/protocol/import';

const maxConfigBytes = 2 ** 20;

type Usual = Omit<ImageRecipe, 'size'>;

const imageNet: Usual = {
  resize: 'shortest-edge',
  resampling: 'bicubic',
  crop: 'center',
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

const usual: Readonly<Record<'vit' | 'dinov2' | 'onnx', Usual>> = {
  vit: { resize: 'stretch', resampling: 'bilinear', crop: 'none', mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  dinov2: { ...imageNet, resizeTo: 256, cropRounding: 'down' },
  onnx: imageNet,
};

/** Of DINOv2, whose positions are interpolated to any size. */
const usualSize = 224;

/**
 * @param path of the encoder's folder or file
 * @param imageSize what the encoder's shapes say
 * @throws CaptionError `checkpoint-invalid` or `checkpoint-unsupported` for a configuration that cannot be followed,
 * `checkpoint-mismatch` for one that prepares images of another size than the encoder takes
 */
export async function encoderRecipe(
  path: string,
  sizes: EncoderSizes,
  imageSize: number,
): Promise<{ image: ImageRecipe; finding: Finding }> {
  const { kind } = sizes;
  const isFolder = (await stat(path)).isDirectory();
  const config = isFolder || kind === 'onnx' ? await findConfig(path) : undefined;
  const image = config ? imageRecipe(config.value, config.path, kind) : usualRecipe(kind, imageSize);
  const isFixed = kind !== 'dinov2' && kind !== 'vit';
  if (config && isFixed && image.size !== imageSize) {
    const what = `prepares images of ${image.size} px, ${basename(path)} takes ${imageSize}`;
    throw mismatch(config.path, what, 'Correct it, or name the encoder’s own.');
  }
  const { size, resize, resampling } = image;
  if (config && 'patchSize' in sizes && size % sizes.patchSize !== 0) {
    const what = `prepares images of ${size} px, ${basename(path)} takes whole patches of ${sizes.patchSize}`;
    throw mismatch(config.path, what, 'Correct its size and crop_size.');
  }
  const value = `${size} px, ${resize}, ${resampling}`;
  return { image, finding: { what: 'images', value, from: config ? 'config' : 'assumed' } };
}

function usualRecipe(kind: EncoderSizes['kind'], imageSize: number): ImageRecipe {
  if (kind === 'clip-vit' || kind === 'clip-resnet') return clipImageRecipe(imageSize);
  return { size: kind === 'dinov2' ? usualSize : imageSize, ...usual[kind] };
}

/** As in transformers, `processor_config.json` comes first where it holds an image processor; most hold none. */
async function findConfig(encoder: string): Promise<{ path: string; value: unknown } | undefined> {
  for (const { folder } of await placesOf(encoder)) {
    for (const name of ['processor_config.json', 'preprocessor_config.json']) {
      const path = join(folder, name);
      const value = await readConfig(path);
      if (value !== undefined && (name === 'preprocessor_config.json' || holdsImageProcessor(value))) {
        return { path, value };
      }
    }
  }
  return undefined;
}

/** Parsed, if there is one. */
async function readConfig(path: string): Promise<unknown> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return undefined;
  const file = await CheckpointFile.open(path);
  try {
    return await readJson(file, maxConfigBytes);
  } finally {
    await file.close();
  }
}
