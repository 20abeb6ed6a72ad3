/** The packs of test/fixtures/architectures: sizes from the fixture, weights from noise, so that nothing is stored. */
import type { EncoderManifest, LanguageModelManifest, MapperManifest } from '@clipcap/models/pack/manifest';
import type { PackDType } from '@clipcap/models/pack/manifest';
import { foldedBias, foldedWeight } from '@clipcap/models/graphs/foldBatchNorm';
import { openPack, type Pack } from '@clipcap/models/pack/openPack';
import { writeRandomPack } from '../randomPack.js';
import { noiseWeight } from './noise.js';

export interface Architectures {
  readonly encoders: Readonly<Record<string, EncoderManifest>>;
  readonly mappers: Readonly<Record<string, MapperManifest>>;
  readonly languageModels: readonly LanguageModelManifest[];
  readonly search: { readonly prefixLength: number; readonly maxTokens: number; readonly beams: number };
  readonly searches: readonly {
    readonly languageModel: LanguageModelManifest;
    /** Seeds whose greedy decoding passes two logits that are closer than 1e-4. */
    readonly ties: readonly number[];
    /** Of seeds 0, 1, … */
    readonly results: readonly {
      readonly greedy: readonly number[];
      /** Best first: tokens, mean log-probability. */
      readonly beams: readonly (readonly [readonly number[], number])[];
    }[];
  }[];
}

const seed = 1;

export async function noisePack(
  folder: string,
  languageModel: LanguageModelManifest,
  dtype: PackDType,
  parts: { readonly encoder?: EncoderManifest; readonly mapper?: MapperManifest } = {},
): Promise<Pack> {
  await writeRandomPack(folder, { ...languageModel, ...parts, dtype, valuesOf });
  return openPack(folder);
}

/** ResNets are trained with batch normalisations, which the oracle keeps: here they are folded as an import does it. */
function valuesOf(name: string, shape: readonly number[]): Float32Array {
  const convolution = /^(encoder\.(?:.*\.)?)(conv(\d)|downsample\.0)\.(weight|bias)$/.exec(name);
  if (!convolution || (name === 'encoder.conv1.weight' && !resnetStem(shape))) return noiseWeight(seed, name, shape);
  const [, before, own, digit, part] = convolution;
  const norm = `${before}${digit === undefined ? 'downsample.1' : `bn${digit}`}`;
  const channels = shape[0]!;
  const ofNorm = (suffix: string): Float32Array => noiseWeight(seed, `${norm}.${suffix}`, [channels]);
  const batchNorm = {
    weight: ofNorm('weight'),
    bias: ofNorm('bias'),
    mean: ofNorm('running_mean'),
    variance: ofNorm('running_var'),
  };
  if (part === 'bias') return foldedBias(batchNorm);
  return foldedWeight(noiseWeight(seed, `${before}${own}.weight`, shape), batchNorm);
}

/** CLIP's vision transformer has an `encoder.conv1`, too: its kernel is a patch. */
function resnetStem(shape: readonly number[]): boolean {
  return shape[2] === 3;
}
