/** What a request leaves open is filled in from the pack and the documented defaults, and checked. */
import type { PackManifest } from '@clipcap/models/pack/manifest';
import { defaultNearest, type CaptionOptions } from '@clipcap/protocol/caption';
import { CaptionError } from '@clipcap/protocol/error';

export interface ResolvedOptions {
  /** 1 for greedy decoding. */
  readonly beams: number;
  readonly maxTokens: number;
  readonly captions: number;
  readonly nearest: number;
}

/** Wider beams find nothing better and take memory in proportion. */
const maxBeams = 64;

/** @throws CaptionError `usage` naming the option and its range; no more captions can be asked for than there are beams */
export function resolveOptions(options: CaptionOptions, manifest: PackManifest): ResolvedOptions {
  const { decoding, languageModel, mapper } = manifest;
  const strategy = options.strategy ?? decoding.strategy;
  const beams = strategy === 'greedy' ? 1 : inRange('beams', options.beams ?? decoding.beams, maxBeams);
  const captions = inRange('captions', options.captions ?? 1, Infinity);
  if (captions > beams) {
    const message = `${captions} captions need at least as many beams, not ${beams}. Ask for a wider beam search.`;
    throw new CaptionError('usage', message);
  }
  const maxTokens = inRange('maxTokens', options.maxTokens ?? decoding.maxTokens, Infinity);
  return {
    beams: Math.min(beams, languageModel.vocabulary),
    // The last position must still be one that the model knows.
    maxTokens: Math.min(maxTokens, languageModel.context - mapper.prefixLength),
    captions,
    nearest: Math.min(inRange('nearest', options.nearest ?? defaultNearest, Infinity), languageModel.vocabulary),
  };
}

function inRange(option: keyof CaptionOptions, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  const range = max === Infinity ? 'at least 1' : `from 1 to ${max}`;
  throw new CaptionError('usage', `The option ${option} must be a whole number ${range}, not ${value}.`);
}
