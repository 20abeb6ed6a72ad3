/**
 * How images are prepared for an encoder, as Hugging Face's `preprocessor_config.json` says: what the class that it names
 * does in `transformers`, with the fields that it overrides. A step that we do not do alike is refused by its name.
 */
import * as z from 'zod/mini';
import { en } from 'zod/locales';
import type { EncoderManifest } from '../pack/encoderManifest.js';
import type { ImageRecipe } from '../pack/imageRecipe.js';
import { invalid, quoted, unsupported } from './errors.js';

// zod/mini brings no messages of its own.
z.config(en());

type Channels = ImageRecipe['mean'];
type Resampling = ImageRecipe['resampling'];

const clipMean: Channels = [0.48145466, 0.4578275, 0.40821073];
const clipStd: Channels = [0.26862954, 0.26130258, 0.27577711];
const half: Channels = [0.5, 0.5, 0.5];

/** The recipe of CLIP's own code for an encoder that takes `size` pixels each way: archives of OpenAI's carry none. */
export function clipImageRecipe(size: number): ImageRecipe {
  return { size, resize: 'shortest-edge', resampling: 'bicubic', crop: 'center', mean: clipMean, std: clipStd };
}

/** What a class does unless the file says otherwise. */
interface Defaults {
  readonly resample: number;
  /** Of both sides, or of the shorter one. */
  readonly size: Size;
  /** Whether a size that is one number means both sides. */
  readonly square: boolean;
  readonly crop: number | undefined;
  readonly mean: Channels;
  readonly std: Channels;
}

interface Size {
  readonly side: number;
  readonly of: 'both' | 'shorter';
}

const clip: Defaults = {
  resample: 3,
  size: { side: 224, of: 'shorter' },
  square: false,
  crop: 224,
  mean: clipMean,
  std: clipStd,
};
const vit: Defaults = {
  resample: 2,
  size: { side: 224, of: 'both' },
  square: true,
  crop: undefined,
  mean: half,
  std: half,
};

/** By the class's name without `ImageProcessor`, `ImageProcessorFast` or, as it was once called, `FeatureExtractor`. */
const families = new Map<string, Defaults>([
  ['CLIP', clip],
  ['ChineseCLIP', clip],
  // DINOv2's.
  ['Bit', clip],
  ['ViT', vit],
  ['DeiT', { ...vit, resample: 3, size: { side: 256, of: 'both' }, crop: 224 }],
  ['Siglip', { ...vit, resample: 3, square: false }],
  ['Blip', { ...clip, size: { side: 384, of: 'both' }, square: true, crop: undefined }],
]);

/** By Pillow's numbers. */
const filters: readonly { readonly name: string; readonly resampling?: Resampling }[] = [
  { name: 'nearest' },
  { name: 'lanczos', resampling: 'lanczos' },
  { name: 'bilinear', resampling: 'bilinear' },
  { name: 'bicubic', resampling: 'bicubic' },
  { name: 'box' },
  { name: 'hamming' },
];

/** Steps that we do, or that canonical pixels need not: they are RGB. */
const knownSteps = new Set(['do_resize', 'do_center_crop', 'do_rescale', 'do_normalize', 'do_convert_rgb']);

const side = z.int().check(z.positive(), z.lte(4096));
const sides = z.strictObject({ height: side, width: side });
const shorter = z.strictObject({ shortest_edge: side });
const perChannel = z.union([z.number(), z.tuple([z.number(), z.number(), z.number()])], 'must be one number or three');
const flag = z.nullish(z.boolean());

/** As in transformers, a step that is `null` is left out. A value that is `null` is the class’s. */
const preprocessorConfig = z.looseObject({
  image_processor_type: z.nullish(z.string()),
  feature_extractor_type: z.nullish(z.string()),
  do_resize: flag,
  size: z.nullish(
    z.union([side, z.tuple([side, side]), sides, shorter], 'must be a number, {shortest_edge} or {height, width}'),
  ),
  resample: z.nullish(z.int().check(z.gte(0), z.lt(filters.length))),
  do_center_crop: flag,
  crop_size: z.nullish(z.union([side, z.tuple([side, side]), sides], 'must be a number or {height, width}')),
  do_rescale: flag,
  rescale_factor: z.nullish(z.number().check(z.positive())),
  do_normalize: flag,
  image_mean: z.nullish(perChannel),
  image_std: z.nullish(perChannel.check(z.refine((std) => ![std].flat().includes(0), 'must not contain 0'))),
});

type PreprocessorConfig = z.infer<typeof preprocessorConfig>;

/**
 * The recipe of a parsed `preprocessor_config.json`, or of a `processor_config.json` that holds one.
 * @param path what messages call the file
 * @param kind of the encoder: as in transformers, it says what a file means that names no class
 * @throws CaptionError `checkpoint-invalid` naming the field, `checkpoint-unsupported` naming the class, filter or step
 */
export function imageRecipe(
  config: unknown,
  path = 'preprocessor_config.json',
  kind?: EncoderManifest['kind'],
): ImageRecipe {
  const result = z.safeParse(preprocessorConfig, unwrapped(config));
  if (!result.success) {
    const [issue] = result.error.issues;
    throw invalid(path, `${issue?.path.join('.') || 'the document'}: ${issue?.message ?? 'invalid'}`);
  }
  const fields = result.data;
  const defaults = defaultsOf(fields, path, kind);
  for (const [step, value] of Object.entries(fields)) {
    if (step.startsWith('do_') && value === true && !knownSteps.has(step)) {
      throw unsupported(
        path,
        `asks for ${quoted(step)}, which is not done here`,
        'Import an encoder that needs no such step.',
      );
    }
  }
  const normalize = isDone(fields.do_normalize);
  const factor = isDone(fields.do_rescale) ? (fields.rescale_factor ?? 1 / 255) : 1;
  return {
    ...geometry(fields, defaults, path),
    resampling: resamplingOf(fields, defaults, path),
    ...(Math.abs(factor * 255 - 1) > 1e-9 && { scale: factor }),
    mean: normalize ? channelsOf(fields.image_mean, defaults.mean) : [0, 0, 0],
    std: normalize ? channelsOf(fields.image_std, defaults.std) : [1, 1, 1],
  };
}

function unwrapped(config: unknown): unknown {
  return holdsImageProcessor(config) ? config.image_processor : config;
}

/** Whether this is a `processor_config.json` as newer versions of transformers write it. */
export function holdsImageProcessor(config: unknown): config is { readonly image_processor: unknown } {
  return typeof config === 'object' && config !== null && 'image_processor' in config;
}

function isDone(step: boolean | null | undefined, otherwise = true): boolean {
  return step === undefined ? otherwise : step === true;
}

function defaultsOf(fields: PreprocessorConfig, path: string, kind?: EncoderManifest['kind']): Defaults {
  const type = fields.image_processor_type ?? fields.feature_extractor_type;
  // The first vision transformers' files leave it out, and those written by hand, which mean CLIP's.
  if (type === null || type === undefined) return kind === 'vit' ? vit : clip;
  const defaults = families.get(type.replace(/(?:ImageProcessor(?:Fast|Pil)?|FeatureExtractor)$/, ''));
  if (defaults !== undefined) return defaults;
  const known = [...families.keys()].map((name) => `${name}ImageProcessor`).join(', ');
  throw unsupported(path, `names ${quoted(type)}, which is not known here`, `Import an encoder with one of ${known}.`);
}

type Geometry = Pick<ImageRecipe, 'size' | 'resize' | 'resizeTo' | 'crop' | 'cropRounding'>;

function geometry(fields: PreprocessorConfig, defaults: Defaults, path: string): Geometry {
  const size = isDone(fields.do_resize) ? resizeOf(fields, defaults, path) : undefined;
  const crop = isDone(fields.do_center_crop, defaults.crop !== undefined) ? cropOf(fields, defaults, path) : undefined;
  if (crop === undefined && size?.of !== 'both') {
    throw unsupported(
      path,
      `leaves images unequal in size: it ${size ? 'resizes the shorter side' : 'does not resize'} and does not crop`,
      'Set do_center_crop to true and crop_size to what the encoder takes.',
    );
  }
  if (size?.of === 'both' && (crop === undefined || crop === size.side)) {
    return { size: size.side, resize: 'stretch', crop: 'none' };
  }
  return {
    size: crop!,
    resize: size === undefined ? 'none' : size.of === 'both' ? 'stretch' : 'shortest-edge',
    ...(size !== undefined && size.side !== crop && { resizeTo: size.side }),
    crop: 'center',
    cropRounding: 'down',
  };
}

function resizeOf({ size }: PreprocessorConfig, defaults: Defaults, path: string): Size {
  if (size === null || size === undefined) return defaults.size;
  if (typeof size === 'number') return { side: size, of: defaults.square ? 'both' : 'shorter' };
  if ('shortest_edge' in size) return { side: size.shortest_edge, of: 'shorter' };
  return { side: squareSide('size', size, path), of: 'both' };
}

function cropOf({ crop_size: crop }: PreprocessorConfig, defaults: Defaults, path: string): number {
  if (crop === null || crop === undefined) return defaults.crop ?? 224;
  return typeof crop === 'number' ? crop : squareSide('crop_size', crop, path);
}

function squareSide(
  field: string,
  size: readonly [number, number] | { readonly height: number; readonly width: number },
  path: string,
): number {
  const [height, width] = 'height' in size ? [size.height, size.width] : size;
  if (height === width) return height;
  throw unsupported(path, `has a ${field} of ${height} × ${width}`, 'Import an encoder that takes square images.');
}

function resamplingOf({ resample }: PreprocessorConfig, defaults: Defaults, path: string): Resampling {
  const { name, resampling } = filters[resample ?? defaults.resample]!;
  if (resampling !== undefined) return resampling;
  throw unsupported(
    path,
    `asks for resample ${resample} (${name}), which is not done here`,
    'Import an encoder that was trained with bilinear (2), bicubic (3) or Lanczos (1) resampling.',
  );
}

function channelsOf(values: number | Channels | null | undefined, otherwise: Channels): Channels {
  return typeof values === 'number' ? [values, values, values] : (values ?? otherwise);
}
