/** Plain vision transformers and DINOv2 in Hugging Face's layout, whose names packs use too. */
import * as z from 'zod/mini';
import type { Checkpoint } from '../../checkpoints/checkpoint.js';
import { invalid, unsupported } from '../../checkpoints/errors.js';
import type { Finding } from '@clipcap/protocol/import';
import type { TensorSources } from '../tensorSource.js';
import { gridOf, Part, type ReadEncoder } from './imported.js';

/** Of each family, what it has where `config.json` says nothing. */
const epsilons = { vit: 1e-12, dinov2: 1e-6 } as const;

const configuration = z.object({
  num_attention_heads: z._default(z.int().check(z.positive()), 12),
  hidden_act: z._default(z.string(), 'gelu'),
  layer_norm_eps: z.optional(z.number()),
});

const headWidth = 64;
const marker = 'embeddings.cls_token';

/** What stands before the names (`vit.`, `dinov2.` or nothing); undefined if this is no such encoder. */
export function vitPrefix(checkpoint: Checkpoint): string | undefined {
  return checkpoint
    .names()
    .find((name) => name === marker || name.endsWith(`.${marker}`))
    ?.slice(0, -marker.length);
}

/** @throws CaptionError `checkpoint-invalid` or `checkpoint-unsupported` */
export function readHuggingFaceVit(checkpoint: Checkpoint, prefix: string): ReadEncoder {
  const { path, config } = checkpoint;
  const part = new Part(checkpoint, prefix);
  const kind = part.has('encoder.layer.0.layer_scale1.lambda1') ? 'dinov2' : 'vit';
  if (kind === 'vit' && !part.has('encoder.layer.0.layernorm_before.weight')) {
    const remedy = 'Name a folder with a ViT or DINOv2 model in Hugging Face’s layout, or a ready ONNX encoder.';
    throw unsupported(path, 'is a vision transformer of another kind', remedy);
  }
  if (part.has('embeddings.register_tokens')) {
    throw unsupported(path, 'is a DINOv2 with registers', 'Only those without are built; name a ready ONNX encoder.');
  }
  const [width = 0, , , patchSize = 0] = part.shape('embeddings.patch_embeddings.projection.weight', 4);
  const positionGrid = gridOf(part.shape('embeddings.position_embeddings', 3)[1]!, path);
  const layers = part.count('encoder.layer.');
  const { heads, epsilon, findings } = settings(config, kind, width, path);
  const shared = { embeddingWidth: width, width, layers, heads, patchSize, epsilon, positionGrid };
  const gated = part.has('encoder.layer.0.mlp.weights_in.weight');
  const hidden = { vit: 'intermediate.dense', dinov2: gated ? 'mlp.weights_in' : 'mlp.fc1' }[kind];
  const [rows = 0] = part.shape(`encoder.layer.0.${hidden}.weight`, 2);
  const hiddenWidth = gated ? rows / 2 : rows;
  return {
    sizes:
      kind === 'vit'
        ? { kind, ...shared, hiddenWidth }
        : { kind, ...shared, hiddenWidth, feedForward: gated ? 'swiglu' : 'mlp' },
    imageSize: positionGrid * patchSize,
    sources: sourcesOf(part),
    findings,
  };
}

/** Heads for other tasks, and what only pretraining needs, are left behind. */
function sourcesOf(part: Part): TensorSources {
  const names = part
    .names()
    .filter((name) => /^(?:embeddings|encoder|layernorm)\./u.test(name) && !name.endsWith('mask_token'));
  return new Map(names.map((name) => [`encoder.${name}`, part.source(name)]));
}

function settings(
  config: unknown,
  kind: 'vit' | 'dinov2',
  width: number,
  path: string,
): { heads: number; epsilon: number; findings: Finding[] } {
  const usual = epsilons[kind];
  if (config === undefined) {
    const heads = width / headWidth;
    return {
      heads,
      epsilon: usual,
      findings: [{ what: 'encoder’s heads', value: String(heads), from: 'assumed' }],
    };
  }
  const result = z.safeParse(configuration, config);
  if (!result.success) throw invalid(path, 'its config.json is not one of a vision transformer');
  const { num_attention_heads: heads, hidden_act: activation, layer_norm_eps: epsilon = usual } = result.data;
  if (activation !== 'gelu') throw unsupported(path, `computes with ${activation}`, 'Only those with gelu are built.');
  return { heads, epsilon, findings: [] };
}
