/** Plain vision transformers and DINOv2 in Hugging Face's layout, whose names packs use too. */
import * as z from 'zod/mini';
import type { Checkpoint } from '../../checkpoints/checkpoint.js';
import { invalid, quoted, unsupported } from '../../checkpoints/errors.js';
import type { Finding } from '@clipcap/protocol/import';
import { stacked, type TensorSources } from '../tensorSource.js';
import { checkConfigWidth, gridOf, headsWithoutConfig, Part, type ReadEncoder } from './imported.js';

/** Of each family, what it has where `config.json` says nothing. */
const epsilons = { vit: 1e-12, dinov2: 1e-6 } as const;

const configuration = z.object({
  num_attention_heads: z._default(z.int().check(z.positive()), 12),
  hidden_act: z._default(z.string(), 'gelu'),
  layer_norm_eps: z.optional(z.number()),
  hidden_size: z.optional(z.int()),
});

/** What `config.json` calls models of these families. */
export const vitModelType = /^(?:vit|dinov2)/u;

const typed = z.object({ model_type: z.string() });

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
  checkModelType(config, path);
  const tensors = underPackNames(new Part(checkpoint, prefix));
  const shape = (name: string, rank: number): readonly number[] => {
    const found = tensors.get(name)?.shape;
    if (found?.length === rank) return found;
    throw invalid(path, `the encoder’s tensor ${name} ${found ? `has the shape [${found.join(', ')}]` : 'is missing'}`);
  };
  const kind = tensors.has('encoder.layer.0.layer_scale1.lambda1') ? 'dinov2' : 'vit';
  const hasPositions = tensors.has('embeddings.position_embeddings');
  if (!hasPositions || (kind === 'vit' && !tensors.has('encoder.layer.0.layernorm_before.weight'))) {
    const remedy = 'Name a folder with a ViT or DINOv2 model in Hugging Face’s layout, or a ready ONNX encoder.';
    throw unsupported(path, 'is a vision transformer of another kind', remedy);
  }
  if (tensors.has('embeddings.register_tokens')) {
    throw unsupported(path, 'is a DINOv2 with registers', 'Only those without are built; name a ready ONNX encoder.');
  }
  const [width = 0, , , patchSize = 0] = shape('embeddings.patch_embeddings.projection.weight', 4);
  const positionGrid = gridOf(shape('embeddings.position_embeddings', 3)[1]!, path);
  const blocks = [...tensors.keys()].map((name) => /^encoder\.layer\.(\d+)\./u.exec(name)?.[1]);
  const layers = new Set(blocks.filter((block) => block !== undefined)).size;
  const { heads, epsilon, findings } = settings(config, kind, width, path);
  const shared = { embeddingWidth: width, width, layers, heads, patchSize, epsilon, positionGrid };
  const gated = tensors.has('encoder.layer.0.mlp.weights_in.weight');
  const hidden = { vit: 'intermediate.dense', dinov2: gated ? 'mlp.weights_in' : 'mlp.fc1' }[kind];
  const [rows = 0] = shape(`encoder.layer.0.${hidden}.weight`, 2);
  const hiddenWidth = gated ? rows / 2 : rows;
  return {
    sizes:
      kind === 'vit'
        ? { kind, ...shared, hiddenWidth }
        : { kind, ...shared, hiddenWidth, feedForward: gated ? 'swiglu' : 'mlp' },
    imageSize: positionGrid * patchSize,
    sources: new Map([...tensors].map(([name, source]) => [`encoder.${name}`, source])),
    findings,
  };
}

/** Others have some of the same names, and compute otherwise. */
function checkModelType(config: unknown, path: string): void {
  const result = z.safeParse(typed, config);
  if (!result.success || vitModelType.test(result.data.model_type)) return;
  const remedy = 'Only ViT and DINOv2 are built: save such a part alone, or name a ready ONNX encoder.';
  throw unsupported(path, `is a model of the type ${quoted(result.data.model_type)}`, remedy);
}

/**
 * Packs have the names of published files. Since version 5, transformers has others in memory, which are those of a state
 * dict that was saved without `save_pretrained`.
 */
const newerNames: readonly (readonly [newer: RegExp, published: string])[] = [
  [/^layers\./u, 'encoder.layer.'],
  [/\.attention\.q_proj\./u, '.attention.attention.query.'],
  [/\.attention\.k_proj\./u, '.attention.attention.key.'],
  [/\.attention\.v_proj\./u, '.attention.attention.value.'],
  [/\.attention\.o_proj\./u, '.attention.output.dense.'],
  [/\.mlp\.down_proj\./u, '.mlp.weights_out.'],
];
/** DINOv2 has these in published files, too. */
const newerNamesOfVit: typeof newerNames = [
  [/\.mlp\.fc1\./u, '.intermediate.dense.'],
  [/\.mlp\.fc2\./u, '.output.dense.'],
];

/** Heads for other tasks, and what only pretraining needs, are left behind. */
function underPackNames(part: Part): TensorSources {
  const theirs = part
    .names()
    .filter((name) => /^(?:embeddings|encoder|layers|layernorm)\./u.test(name) && !name.endsWith('mask_token'));
  const isVit = theirs.some((name) => name.includes('.layernorm_before.'));
  const renamings = isVit ? [...newerNames, ...newerNamesOfVit] : newerNames;
  const tensors: TensorSources = new Map();
  for (const name of theirs) {
    const published = renamings.reduce((before, [newer, older]) => before.replace(newer, older), name);
    const gate = /^(.*\.mlp\.)gate_proj(\..*)$/u.exec(published);
    if (gate) {
      const [, block = '', end = ''] = gate;
      // One matrix in published files: what is gated by SiLU first.
      const parts = ['gate_proj', 'up_proj'].map((half) => part.source(name.replace('gate_proj', half)));
      tensors.set(`${block}weights_in${end}`, stacked(parts));
    } else if (!published.includes('.mlp.up_proj.')) {
      tensors.set(published, part.source(name));
    }
  }
  return tensors;
}

function settings(
  config: unknown,
  kind: 'vit' | 'dinov2',
  width: number,
  path: string,
): { heads: number; epsilon: number; findings: Finding[] } {
  const usual = epsilons[kind];
  if (config === undefined) {
    const heads = headsWithoutConfig(width, path);
    return {
      heads,
      epsilon: usual,
      findings: [{ what: 'encoder’s heads', value: String(heads), from: 'assumed' }],
    };
  }
  const result = z.safeParse(configuration, config);
  if (!result.success) throw invalid(path, 'its config.json is not one of a vision transformer');
  const { num_attention_heads: heads, hidden_act: activation, layer_norm_eps: epsilon = usual } = result.data;
  checkConfigWidth(path, width, result.data.hidden_size);
  if (activation !== 'gelu') {
    throw unsupported(path, `computes with ${quoted(activation)}`, 'Only those with gelu are built.');
  }
  return { heads, epsilon, findings: [] };
}
