/** What the tensors of a mapper say of its kind and size, and what they do not say: heads, normalisation. */
import { invalid, unsupported } from '../checkpoints/errors.js';
import type { MapperManifest } from '../pack/manifest.js';
import type { Layout } from './clipCapNames.js';
import { mismatch } from './errors.js';
import type { TrainingConfig } from './trainingConfig.js';
import type { Finding } from '@clipcap/protocol/import';

/** Whose names it has, what was said of it, and what its training script's configuration says. */
interface MapperHints {
  readonly layout: Layout;
  readonly heads?: number | undefined;
  readonly normalize?: boolean | undefined;
  readonly configured?: Pick<TrainingConfig, 'place' | 'heads' | 'normalize'> | undefined;
}

export interface InferredMapper {
  readonly mapper: MapperManifest;
  /** d, of the image embedding. */
  readonly embeddingWidth: number;
  readonly normalize: boolean;
  readonly findings: readonly Finding[];
}

/** Of the official checkpoints. TheoCoombes/ClipCap trains with 16 unless its YAML file says otherwise: it is asked for. */
const officialHeads = 8;

/**
 * The official transformer mapper is for RN50x4's embeddings, and takes them normalised. CapDec has the same layout and
 * normalises for every mapper, so that nothing but this one is certain.
 */
const normalizedWidth = 640;

/**
 * @param path of the checkpoint
 * @param shapes by official names
 * @param width D, of the language model
 * @throws CaptionError `checkpoint-invalid`, `checkpoint-unsupported`, or `checkpoint-mismatch` for hints that cannot be true
 */
export function inferMapper(
  path: string,
  shapes: ReadonlyMap<string, readonly number[]>,
  width: number,
  hints: MapperHints,
): InferredMapper {
  const { mapper, embeddingWidth, heads } = structure(path, shapes, width, hints);
  const isNormalized =
    hints.layout === 'official' && mapper.kind === 'transformer' && embeddingWidth === normalizedWidth;
  const configured = hints.configured?.normalize;
  const normalize = hints.normalize ?? configured ?? isNormalized;
  if (configured !== undefined && normalize !== configured) {
    const what = `was trained with embeddings ${lengths(configured)}, as ${hints.configured?.place} says`;
    throw mismatch(path, what, `Leave out ${lengthFlag(normalize)}.`);
  }
  const size =
    mapper.kind === 'transformer' ? `K=${mapper.prefixLength}, C=${mapper.clipLength}` : `K=${mapper.prefixLength}`;
  return {
    mapper,
    embeddingWidth,
    normalize,
    findings: [
      { what: 'mapper', value: `${mapper.kind}, d=${embeddingWidth}, ${size}`, from: 'shapes' },
      ...heads,
      {
        what: 'image embedding',
        value: lengths(normalize),
        from: originOf(hints.normalize, configured),
        flag: lengthFlag(!normalize),
        ambiguous: !isNormalized,
      },
    ],
  };
}

function lengths(normalize: boolean): string {
  return normalize ? 'scaled to length 1' : 'as the encoder gives it';
}

function lengthFlag(normalize: boolean): string {
  return normalize ? '--normalize' : '--no-normalize';
}

function originOf(told: unknown, configured: unknown): Finding['from'] {
  if (told !== undefined) return 'told';
  return configured === undefined ? 'assumed' : 'config';
}

function structure(
  path: string,
  shapes: ReadonlyMap<string, readonly number[]>,
  width: number,
  hints: MapperHints,
): { mapper: MapperManifest; embeddingWidth: number; heads: readonly Finding[] } {
  const matrix = (name: string): readonly [number, number] => {
    const [rows, columns, ...rest] = shapes.get(`clip_project.${name}`) ?? [];
    if (rows === undefined || columns === undefined || rest.length > 0) {
      throw invalid(path, `the mapper’s tensor clip_project.${name} is missing or no matrix`);
    }
    return [rows, columns];
  };
  const rowsOf = (name: string, rows: number): number => {
    if (rows > 0 && rows % width === 0) return rows / width;
    const what = `has a mapper of ${rows} outputs (${name}), which are no rows of GPT-2’s width ${width}`;
    throw mismatch(path, what, 'Mapper and language model belong to different models.');
  };
  const has = (name: string): boolean => shapes.has(`clip_project.${name}`);
  if (has('transformer.layers.0.norm1.weight')) return transformer(path, shapes, width, hints, matrix, rowsOf);
  if (hints.heads !== undefined) {
    throw mismatch(path, 'has a mapper without attention, so it has no heads', 'Leave out --mapper-heads.');
  }
  if (has('model.4.weight')) {
    throw unsupported(path, 'has an MLP mapper of more than two layers', 'Only the two of ClipCap’s are built.');
  }
  if (has('model.0.weight')) {
    const [hiddenWidth, embeddingWidth] = matrix('model.0.weight');
    const prefixLength = rowsOf('model.2', matrix('model.2.weight')[0]);
    return { mapper: { kind: 'mlp', prefixLength, hiddenWidth }, embeddingWidth, heads: [] };
  }
  if (has('weight')) {
    const [rows, embeddingWidth] = matrix('weight');
    return { mapper: { kind: 'linear', prefixLength: rowsOf('weight', rows) }, embeddingWidth, heads: [] };
  }
  const remedy = 'MLP, transformer and linear mappers of ClipCap are read.';
  throw unsupported(path, 'has a mapper of an unknown kind', remedy);
}

function transformer(
  path: string,
  shapes: ReadonlyMap<string, readonly number[]>,
  width: number,
  hints: MapperHints,
  matrix: (name: string) => readonly [number, number],
  rowsOf: (name: string, rows: number) => number,
): ReturnType<typeof structure> {
  if (shapes.has('clip_project.pos_embeddings')) {
    throw unsupported(path, 'has a mapper over windows of the image', 'Only mappers of whole images are built.');
  }
  const [rows, embeddingWidth] = matrix('linear.weight');
  const [prefixLength] = matrix('prefix_const');
  const blocks = [...shapes.keys()].map((name) => /^clip_project\.transformer\.layers\.(\d+)\./u.exec(name)?.[1]);
  const layers = new Set(blocks.filter((block) => block !== undefined)).size;
  const configured = hints.configured?.heads;
  if (hints.heads !== undefined && configured !== undefined && hints.heads !== configured) {
    const what = `was trained with ${configured} heads, as ${hints.configured?.place} says, not ${hints.heads}`;
    throw mismatch(path, what, 'Leave out --mapper-heads.');
  }
  const heads = hints.heads ?? configured ?? officialHeads;
  if (width % heads !== 0) {
    const what = `has a mapper of width ${width}, which ${heads} heads do not divide`;
    throw mismatch(path, what, 'Say on the command line how many it was trained with: --mapper-heads.');
  }
  return {
    mapper: { kind: 'transformer', prefixLength, clipLength: rowsOf('linear', rows), layers, heads },
    embeddingWidth,
    heads: [
      { what: 'mapper’s layers', value: String(layers), from: 'shapes' },
      {
        what: 'mapper’s heads',
        value: String(heads),
        from: originOf(hints.heads, configured),
        flag: '--mapper-heads',
        ambiguous: true,
      },
    ],
  };
}
