/**
 * Decides which labels a pack of CLIP gets, before anything is computed: their embeddings are all that is kept of CLIP's
 * text side. Captions do not need them, so what stands in their way only leaves them out, unless they were asked for.
 */
import { basename } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';
import type { Finding } from '@clipcap/protocol/import';
import type { TextTower } from '@clipcap/protocol/inference';
import type { EncoderManifest, LabelsManifest } from '../../pack/encoderManifest.js';
import type { ImportedEncoder } from '../encoders/imported.js';
import { mismatch } from '../errors.js';
import { readWhole } from '../tensorSource.js';
import { weightsFile, type WeightsFile } from '../weightsFile.js';
import { everydayWords } from './everydayWords.js';
import { readLabels } from './readLabels.js';
import { readTextTokenizer } from './textTokenizer.js';
import { textTensors, type TextSide } from './textSide.js';

/** What was said of labels. */
export interface LabelRequest {
  /** A file of them, one a line; false for none at all; left out for the usual ones. */
  readonly labels?: string | false;
  /** ImageNet's, for the usual ones. */
  readonly classNames: readonly string[];
}

export interface PlannedLabels {
  readonly manifest: LabelsManifest;
  readonly tower: TextTower;
  readonly weights: WeightsFile;
  /** The text of a `tokenizer.json`. */
  readonly tokenizer: string;
  /** Whether they were asked for by name: what keeps them out is an error then. */
  readonly asked: boolean;
  /** What the report says of them, if they come into the pack. */
  readonly findings: readonly Finding[];
}

const labelsFile = 'labels.safetensors';
/** Of CLIP's prompts for ImageNet the plainest (Radford et al. 2021, §3.1.4). */
const prompt = 'a photo of a {}.';
/** What CLIP's training never lets the scale exceed, and what published models have reached. */
const usualScale = 100;

/**
 * @param path of the encoder's folder or file
 * @returns the labels, or what the report says of there being none
 * @throws CaptionError `usage` for a file that is no list of labels; for labels that were asked for also `checkpoint-…`:
 * what is wrong with the text side
 */
export async function planLabels(
  { labels: wanted, classNames }: LabelRequest,
  { text, embeddingWidth }: Pick<ImportedEncoder, 'text' | 'embeddingWidth'>,
  path: string,
): Promise<{ labels?: PlannedLabels; findings: readonly Finding[] }> {
  const flag = '--labels';
  if (wanted === false) return { findings: [{ what: 'labels', value: 'none', from: 'told' }] };
  const told = wanted === undefined ? undefined : await readLabels(wanted);
  if (!text) {
    if (told === undefined) return { findings: [] };
    throw mismatch(path, 'is no CLIP, and only CLIP has a side for texts', 'Leave out --labels.');
  }
  const names = told ?? [...new Set([...everydayWords, ...classNames])];
  try {
    const { scale, ...planned } = await readSide(text(), embeddingWidth, path);
    const manifest = { file: labelsFile, names, prompt, scale: scale ?? usualScale };
    const from = told ? basename(wanted!) : 'everyday words and ImageNet’s classes';
    const value = `${names.length} (${from}), each as “${prompt}”`;
    const findings: Finding[] = [{ what: 'labels', value, from: told ? 'told' : 'assumed', flag }];
    if (scale === undefined) findings.push({ what: 'scale of cosines', value: String(usualScale), from: 'assumed' });
    return { labels: { manifest, ...planned, asked: told !== undefined, findings }, findings: [] };
  } catch (error) {
    return { findings: [withoutLabels(error, told !== undefined)] };
  }
}

/**
 * What the report says of labels that something stands in the way of.
 * @param asked for by name
 * @throws CaptionError for labels that were asked for: `error`, with the option that leaves them out
 */
export function withoutLabels(error: unknown, asked: boolean): Finding {
  if (!(error instanceof CaptionError)) throw error;
  if (asked) {
    const message = `${error.message} Or import without labels: --no-labels.`;
    throw new CaptionError(error.code, message, { cause: error });
  }
  return { what: 'labels', value: `none, because ${error.message}`, from: 'shapes' };
}

async function readSide(
  side: TextSide,
  embeddingWidth: number,
  path: string,
): Promise<Pick<PlannedLabels, 'tower' | 'weights' | 'tokenizer'> & { scale: number | undefined }> {
  const { tower, sources, logitScale } = side;
  if (tower.embeddingWidth !== embeddingWidth) {
    const what = `has a text side that gives ${tower.embeddingWidth} values, its image side gives ${embeddingWidth}`;
    throw mismatch(path, what, 'Name a CLIP whose two sides belong together.');
  }
  if (tower.width % tower.heads !== 0) {
    throw mismatch(
      path,
      `has a text side whose width of ${tower.width} ${tower.heads} heads do not divide`,
      'Correct its config.json.',
    );
  }
  const ignored = { name: '', seen: () => undefined };
  const weights = weightsFile(textTensors(tower), sources, 'fp32', ignored, () => path);
  const [logarithm] = logitScale ? await readWhole(logitScale) : [];
  const scale = logarithm === undefined ? undefined : Math.exp(logarithm);
  if (scale !== undefined && !(scale > 0 && scale <= 1e6)) {
    throw mismatch(path, `has a logit_scale of ${logarithm}`, 'Download or save it again.');
  }
  return { tower, weights, tokenizer: await readTextTokenizer(path, side), scale };
}

/** The manifest of an encoder with these labels, or with none. */
export function withLabels(encoder: EncoderManifest, labels: LabelsManifest | undefined): EncoderManifest {
  if (encoder.kind !== 'clip-vit' && encoder.kind !== 'clip-resnet') return encoder;
  const { labels: _, ...rest } = encoder;
  return labels ? { ...rest, labels } : rest;
}
