/** CLIP's image encoders under OpenAI's names (`visual.*`): a vision transformer, or a ResNet with attention pooling. */
import type { Checkpoint } from '../../checkpoints/checkpoint.js';
import { invalid } from '../../checkpoints/errors.js';
import { foldedBias, foldedWeight, type BatchNorm } from '../../graphs/foldBatchNorm.js';
import { computed, readWhole, type TensorSources } from '../tensorSource.js';
import {
  activationFinding,
  checkActivation,
  gridOf,
  Part,
  usualActivation,
  type Activation,
  type ReadEncoder,
} from './imported.js';

const headWidth = 64;

/** Widths of open_clip's ViT-H, ViT-g and ViT-bigG, whose 16 heads are wider. OpenAI has none so wide. */
const widthsOf16Heads: ReadonlySet<number> = new Set([1280, 1408, 1664]);

/** What stands before the names, `visual.` as a rule; undefined if this is no such encoder. */
export function openAiPrefix(checkpoint: Checkpoint): string | undefined {
  for (const name of checkpoint.names()) {
    const prefix = /^(.*\.)?(?:class_embedding|attnpool\.positional_embedding)$/u.exec(name);
    const root = prefix?.[1] ?? '';
    if (prefix && checkpoint.tensor(`${root}conv1.weight`)) return root;
  }
  return undefined;
}

/**
 * @param told the activation that was said; a ResNet has one in its text side only
 * @throws CaptionError `checkpoint-invalid` or `checkpoint-mismatch`
 */
export function readOpenAi(checkpoint: Checkpoint, prefix: string, told?: Activation): ReadEncoder {
  const { format, path } = checkpoint;
  // Archives are OpenAI's own; a state dict with these names may also be open_clip's, which computes otherwise.
  const isArchive = format === 'torchscript';
  if (isArchive) checkActivation(path, usualActivation, told);
  const part = new Part(checkpoint, prefix);
  if (part.has('attnpool.positional_embedding')) return readResnet(part, path);
  return readTransformer(part, path, isArchive, told);
}

function readTransformer(part: Part, path: string, isArchive: boolean, told: Activation | undefined): ReadEncoder {
  const [width = 0, , , patchSize = 0] = part.shape('conv1.weight', 4);
  const grid = gridOf(part.shape('positional_embedding', 2)[0]!, path);
  const [, embeddingWidth = 0] = part.shape('proj', 2);
  const layers = part.count('transformer.resblocks.');
  const [hiddenWidth = 0] = part.shape('transformer.resblocks.0.mlp.c_fc.weight', 2);
  // As OpenAI's own loader counts them, which rounds down.
  const heads = widthsOf16Heads.has(width) ? 16 : Math.max(1, Math.floor(width / headWidth));
  const activation = told ?? usualActivation;
  const sources: TensorSources = new Map(part.names().map((name) => [`encoder.${name}`, part.source(name)]));
  return {
    sizes: { kind: 'clip-vit', embeddingWidth, width, layers, heads, patchSize, hiddenWidth, activation },
    imageSize: grid * patchSize,
    sources,
    findings: isArchive
      ? []
      : [{ what: 'encoder’s heads', value: String(heads), from: 'assumed' }, activationFinding(told)],
  };
}

function readResnet(part: Part, path: string): ReadEncoder {
  const [width = 0] = part.shape('layer1.0.conv1.weight', 4);
  const grid = gridOf(part.shape('attnpool.positional_embedding', 2)[0]!, path);
  const [embeddingWidth = 0] = part.shape('attnpool.c_proj.weight', 2);
  const [first = 0, second = 0, third = 0, fourth = 0] = [1, 2, 3, 4].map((stage) => part.count(`layer${stage}.`));
  return {
    sizes: {
      kind: 'clip-resnet',
      embeddingWidth,
      width,
      layers: [first, second, third, fourth],
      heads: Math.max(1, Math.floor((32 * width) / headWidth)),
    },
    imageSize: 32 * grid,
    sources: folded(part, path),
    findings: [],
  };
}

/** Every convolution takes the batch normalisation after it: `conv1` its `bn1`, `downsample.0` its `downsample.1`. */
function folded(part: Part, path: string): TensorSources {
  const sources: TensorSources = new Map();
  for (const name of part.names()) {
    const convolution = /^(.*?)(conv(\d)|downsample\.0)\.weight$/u.exec(name);
    if (name.startsWith('attnpool.')) sources.set(`encoder.${name}`, part.source(name));
    if (!convolution) continue;
    const [, block = '', own = '', number] = convolution;
    const norm = number === undefined ? `${block}downsample.1` : `${block}bn${number}`;
    const weight = part.source(name);
    const readNorm = batchNorm(part, weight.shape[0]!, norm, path);
    sources.set(
      `encoder.${block}${own}.weight`,
      computed(weight.shape, async () => foldedWeight(await readWhole(weight), await readNorm())),
    );
    sources.set(
      `encoder.${block}${own}.bias`,
      computed([weight.shape[0]!], async () => foldedBias(await readNorm())),
    );
  }
  return sources;
}

function batchNorm(part: Part, channels: number, norm: string, path: string): () => Promise<BatchNorm> {
  const vectors = ['weight', 'bias', 'running_mean', 'running_var'].map((name) => {
    const source = part.source(`${norm}.${name}`);
    if (source.shape.join() === String(channels)) return source;
    throw invalid(path, `${norm}.${name} has the shape [${source.shape.join(', ')}] instead of [${channels}]`);
  });
  return async () => {
    const [weight, bias, mean, variance] = await Promise.all(vectors.map(readWhole));
    return { weight: weight!, bias: bias!, mean: mean!, variance: variance! };
  };
}
