/** CLIP's vision transformer in Hugging Face's layout (`vision_model.*`, `visual_projection.weight`), under OpenAI's names. */
import * as z from 'zod/mini';
import type { Checkpoint } from '../../checkpoints/checkpoint.js';
import { invalid, quoted, unsupported } from '../../checkpoints/errors.js';
import type { Finding } from '@clipcap/protocol/import';
import { stacked, turned, type TensorSources } from '../tensorSource.js';
import {
  activationFinding,
  checkActivation,
  checkConfigWidth,
  gridOf,
  headsWithoutConfig,
  Part,
  usualActivation,
  type Activation,
  type ReadEncoder,
} from './imported.js';

const vision = z.object({
  /** Hugging Face leaves out what has its default. */
  num_attention_heads: z._default(z.int().check(z.positive()), 12),
  hidden_act: z._default(z.string(), 'quick_gelu'),
  layer_norm_eps: z._default(z.number(), 1e-5),
  hidden_size: z.optional(z.int()),
});
/** Of both sides. */
const both = z.object({ vision_config: z.unknown() });

const activations = { quick_gelu: 'quick-gelu', gelu: 'gelu' } as const;

const marker = 'vision_model.embeddings.class_embedding';

/** What stands before the names, mostly nothing; undefined if this is no such encoder. */
export function clipPrefix(checkpoint: Checkpoint): string | undefined {
  return checkpoint
    .names()
    .find((name) => name.endsWith(marker))
    ?.slice(0, -marker.length);
}

/**
 * @param told the activation that was said
 * @throws CaptionError `checkpoint-invalid`, `checkpoint-unsupported` or `checkpoint-mismatch`
 */
export function readHuggingFaceClip(checkpoint: Checkpoint, prefix: string, told?: Activation): ReadEncoder {
  const { path, config } = checkpoint;
  const part = new Part(checkpoint, prefix);
  if (!part.has('visual_projection.weight')) {
    const remedy = 'Save a CLIPModel or a CLIPVisionModelWithProjection: the mapper takes projected embeddings.';
    throw unsupported(path, 'has no visual_projection.weight', remedy);
  }
  const [width = 0, , , patchSize = 0] = part.shape('vision_model.embeddings.patch_embedding.weight', 4);
  const grid = gridOf(part.shape('vision_model.embeddings.position_embedding.weight', 2)[0]!, path);
  const [embeddingWidth = 0] = part.shape('visual_projection.weight', 2);
  const layers = part.count('vision_model.encoder.layers.');
  const [hiddenWidth = 0] = part.shape('vision_model.encoder.layers.0.mlp.fc1.weight', 2);
  const { heads, activation, findings } = settings(config, width, path, told);
  return {
    sizes: { kind: 'clip-vit', embeddingWidth, width, layers, heads, patchSize, hiddenWidth, activation },
    imageSize: grid * patchSize,
    sources: renamed(part, layers),
    findings,
  };
}

function settings(
  config: unknown,
  width: number,
  path: string,
  told: Activation | undefined,
): { heads: number; activation: Activation; findings: Finding[] } {
  if (config === undefined) {
    const heads = headsWithoutConfig(width, path);
    const findings: Finding[] = [
      { what: 'encoder’s heads', value: String(heads), from: 'assumed' },
      activationFinding(told),
    ];
    return { heads, activation: told ?? usualActivation, findings };
  }
  const sides = z.safeParse(both, config);
  const result = z.safeParse(vision, sides.success ? (sides.data.vision_config ?? {}) : config);
  if (!result.success) throw invalid(path, 'its config.json is not one of CLIP');
  const { num_attention_heads: heads, hidden_act: name, layer_norm_eps: epsilon, hidden_size: theirs } = result.data;
  checkConfigWidth(path, width, theirs);
  const activation = clipActivation(name, epsilon, path);
  checkActivation(path, activation, told);
  return { heads, activation, findings: [] };
}

/**
 * @param epsilon what normalisations add to the variance
 * @throws CaptionError `checkpoint-unsupported` for what no CLIP computes with
 */
export function clipActivation(name: string, epsilon: number, path: string): Activation {
  if (isActivation(name) && epsilon === 1e-5) return activations[name];
  throw unsupported(
    path,
    `computes with ${quoted(name)} and an epsilon of ${epsilon}`,
    'CLIP’s own encoders are built.',
  );
}

function isActivation(name: string): name is keyof typeof activations {
  return Object.hasOwn(activations, name);
}

function renamed(part: Part, layers: number): TensorSources {
  const sources: TensorSources = new Map();
  const take = (theirs: string, ours: string): unknown => sources.set(`encoder.${ours}`, part.source(theirs));
  const takeBoth = (theirs: string, ours: string): void => {
    for (const tensor of ['weight', 'bias']) take(`${theirs}.${tensor}`, `${ours}.${tensor}`);
  };
  take('vision_model.embeddings.class_embedding', 'class_embedding');
  take('vision_model.embeddings.patch_embedding.weight', 'conv1.weight');
  take('vision_model.embeddings.position_embedding.weight', 'positional_embedding');
  // The name is misspelt in every file.
  takeBoth('vision_model.pre_layrnorm', 'ln_pre');
  takeBoth('vision_model.post_layernorm', 'ln_post');
  sources.set('encoder.proj', turned(part.source('visual_projection.weight')));
  for (const [name, source] of renamedBlocks(part, 'vision_model', layers)) sources.set(`encoder.${name}`, source);
  return sources;
}

/** The blocks of either side, under OpenAI's names. */
export function renamedBlocks(part: Part, side: 'vision_model' | 'text_model', layers: number): TensorSources {
  const sources: TensorSources = new Map();
  const takeBoth = (theirs: string, ours: string): void => {
    for (const tensor of ['weight', 'bias']) sources.set(`${ours}.${tensor}`, part.source(`${theirs}.${tensor}`));
  };
  for (let layer = 0; layer < layers; layer++) {
    const theirs = `${side}.encoder.layers.${layer}`;
    const ours = `transformer.resblocks.${layer}`;
    takeBoth(`${theirs}.layer_norm1`, `${ours}.ln_1`);
    takeBoth(`${theirs}.layer_norm2`, `${ours}.ln_2`);
    takeBoth(`${theirs}.mlp.fc1`, `${ours}.mlp.c_fc`);
    takeBoth(`${theirs}.mlp.fc2`, `${ours}.mlp.c_proj`);
    takeBoth(`${theirs}.self_attn.out_proj`, `${ours}.attn.out_proj`);
    for (const tensor of ['weight', 'bias']) {
      const parts = ['q', 'k', 'v'].map((name) => part.source(`${theirs}.self_attn.${name}_proj.${tensor}`));
      sources.set(`${ours}.attn.in_proj_${tensor}`, stacked(parts));
    }
  }
  return sources;
}
