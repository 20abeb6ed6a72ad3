/**
 * What a manifest says of the image encoder: how images are prepared for it, and either the ONNX file that it is or the
 * sizes from which its graph is built.
 */
import * as z from 'zod/mini';
import { imageRecipe } from './imageRecipe.js';
import { count, depth, fileName, text } from './manifestFields.js';

/** The most labels of a pack, and the most characters of one: a manifest stays small. */
export const mostLabels = 5000;
export const longestLabel = 200;

/** Words that CLIP compares images with. An import has their embeddings from CLIP's text side, which it does not keep. */
const labels = z.object({
  /** Holds `label_embeds [L,d]`, rows of length 1, float32. */
  file: fileName,
  /** L of them. */
  names: z.array(text.check(z.maxLength(longestLabel))).check(z.minLength(2), z.maxLength(mostLabels)),
  /** The sentence that each of them stood in, in place of `{}`. */
  prompt: text,
  /** What cosines are multiplied by before the softmax: CLIP's learned inverse temperature. */
  scale: z.number().check(z.positive(), z.lte(1e6)),
});

const clip = { labels: z.optional(labels) };

const shared = {
  embeddingWidth: count,
  /** Whether the embedding is scaled to length 1 before the mapper. */
  normalize: z.boolean(),
  image: imageRecipe,
};

/** A transformer over square patches. */
const patches = {
  width: count,
  layers: depth,
  heads: count,
  patchSize: count.check(z.lte(4096)),
};

/** Hugging Face's vision transformers name what they leave open in `config.json`. */
const huggingFace = {
  ...patches,
  /** Of the feed-forward networks. */
  hiddenWidth: count,
  /** What normalisations add to the variance. */
  epsilon: z.number().check(z.positive()),
  /** Side of the grid of patches that the stored positions are for; another grid gets interpolated ones. */
  positionGrid: count.check(z.lte(1024)),
};

export const encoder = z
  .discriminatedUnion('kind', [
    z.object({
      kind: z.literal('onnx'),
      ...shared,
      architecture: text,
      file: fileName,
      /** What the file calls them, where it is not `pixel_values` and `image_embeds`. */
      input: z.optional(text),
      output: z.optional(text),
      classLabels: z.optional(z.array(z.string())),
    }),
    z.object({
      kind: z.literal('clip-vit'),
      ...shared,
      ...clip,
      ...patches,
      activation: z._default(z.enum(['quick-gelu', 'gelu']), 'quick-gelu'),
      /** Of the feed-forward networks; 4 × width if left out, as in OpenAI's. ViT-g and ViT-bigG have others. */
      hiddenWidth: z.optional(count),
    }),
    z.object({
      kind: z.literal('clip-resnet'),
      ...shared,
      ...clip,
      /** Channels after the stem; the last stage has 32 times as many. */
      width: count,
      /** Bottlenecks of each stage. */
      layers: z.tuple([depth, depth, depth, depth]),
      /** Of the attention pooling. */
      heads: count,
    }),
    z.object({ kind: z.literal('vit'), ...shared, ...huggingFace }),
    z.object({
      kind: z.literal('dinov2'),
      ...shared,
      ...huggingFace,
      feedForward: z._default(z.enum(['mlp', 'swiglu']), 'mlp'),
    }),
  ])
  .check(
    z.refine((model) => model.kind === 'onnx' || attentionWidth(model) % model.heads === 0, {
      path: ['heads'],
      error: 'must divide the width',
    }),
    z.refine(
      (model) => (!('patchSize' in model) ? model.kind === 'onnx' || model.image.size % 32 === 0 : fits(model)),
      { path: ['image', 'size'], error: 'must be a multiple of the patch size (of 32 for a ResNet)' },
    ),
    z.refine((model) => !('epsilon' in model) || model.embeddingWidth === model.width, {
      path: ['embeddingWidth'],
      error: 'must be the width',
    }),
  );

function fits(model: { readonly patchSize: number; readonly image: { readonly size: number } }): boolean {
  return model.image.size % model.patchSize === 0;
}

function attentionWidth(model: { readonly kind: string; readonly width: number }): number {
  return model.kind === 'clip-resnet' ? 32 * model.width : model.width;
}

/** Of an encoder that has some. */
export type LabelsManifest = Readonly<z.infer<typeof labels>>;

export type EncoderManifest = Readonly<z.infer<typeof encoder>>;
export type EncoderOf<Kind extends EncoderManifest['kind']> = Extract<EncoderManifest, { kind: Kind }>;
/** Encoders that are built from the pack's weights. */
export type BuiltEncoder = Exclude<EncoderManifest, { kind: 'onnx' }>;

/** The labels of CLIP, if this is one and they were embedded. */
export function labelsOf(described: EncoderManifest): LabelsManifest | undefined {
  return 'labels' in described ? described.labels : undefined;
}

/** Names of a classifier's classes; none of any other encoder. */
export function classLabels(described: EncoderManifest): readonly string[] {
  return (described.kind === 'onnx' && described.classLabels) || [];
}
