/** How images are prepared for an encoder: as the file beside it says, or as is usual for its kind. */
import { basename, join } from 'node:path';
import { clipImageRecipe, holdsImageProcessor, imageRecipe } from '../checkpoints/preprocessorConfig.js';
import type { ImageRecipe } from '../pack/imageRecipe.js';
import type { EncoderSizes } from './encoders/imported.js';
import { mismatch } from './errors.js';
import { placesOf, readConfigFile } from './places.js';
import type { Finding } from '@clipcap/protocol/import';

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

/** Of DINOv2, whose positions are interpolated to any size, and of ONNX models that take any. */
const usualSize = 224;

/**
 * @param path of the encoder's folder or file
 * @param imageSize what the encoder's shapes say, if they do
 * @param hasConfig whether its folder says how images are prepared
 * @throws CaptionError `checkpoint-invalid` or `checkpoint-unsupported` for a `preprocessor_config.json` that cannot be
 * followed, `checkpoint-mismatch` for one that prepares images of another size than the encoder takes
 */
export async function encoderRecipe(
  path: string,
  { kind }: EncoderSizes,
  imageSize: number | undefined,
  hasConfig: boolean,
): Promise<{ image: ImageRecipe; finding: Finding }> {
  const { configPath, config } = hasConfig ? await findConfig(path) : { configPath: path, config: undefined };
  const image = config === undefined ? usualRecipe(kind, imageSize) : imageRecipe(config, configPath, kind);
  const isFixed = kind !== 'dinov2' && kind !== 'vit' && imageSize !== undefined;
  if (isFixed && image.size !== imageSize) {
    const what = `prepares images of ${image.size} px, ${basename(path)} takes ${imageSize}`;
    throw mismatch(configPath, what, 'Correct it, or name the encoder’s own.');
  }
  const { size, resize, resampling } = image;
  const value = `${size} px, ${resize}, ${resampling}`;
  return { image, finding: { what: 'images', value, from: config === undefined ? 'assumed' : 'config' } };
}

function usualRecipe(kind: EncoderSizes['kind'], imageSize = usualSize): ImageRecipe {
  if (kind === 'clip-vit' || kind === 'clip-resnet') return clipImageRecipe(imageSize);
  return { size: kind === 'dinov2' ? usualSize : imageSize, ...usual[kind] };
}

/** As in transformers, `processor_config.json` comes first where it holds an image processor; most hold none. */
async function findConfig(path: string): Promise<{ configPath: string; config: unknown }> {
  for (const { folder } of await placesOf(path)) {
    for (const name of ['processor_config.json', 'preprocessor_config.json']) {
      const configPath = join(folder, name);
      const config = await readConfigFile(configPath);
      if (config !== undefined && (name === 'preprocessor_config.json' || holdsImageProcessor(config))) {
        return { configPath, config };
      }
    }
  }
  return { configPath: path, config: undefined };
}
