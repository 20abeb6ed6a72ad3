/** One run of a whole pack on a known input, for the comparison of execution providers. */
import type { Pack } from '@clipcap/models/pack/openPack';
import type { Decoder } from './decoder.js';
import { noise } from './noise.js';
import { openParts } from './parts.js';
import { inPrecisionOf } from './precision.js';
import type { Provider } from './provider.js';

/** What every step gave for the known input. */
export interface Probe {
  /** [1,d] */
  readonly embedding: Float32Array;
  /** [1,K,D] */
  readonly prefix: Float32Array;
  /** Cosines of each prefix position's nearest tokens. */
  readonly nearest: Float32Array;
  /**
   * Of each step, [V], less the step's mean: softmax does not see what all logits have in common, and GPT-2's have
   * several times more in common than they differ by.
   */
  readonly logits: readonly Float32Array[];
  /** Of the fastest run, encoder to last token. */
  readonly milliseconds: number;
}

/** Enough for the cache to have been continued several times. */
const steps = 8;
const nearestCount = 4;
/** A first run that took longer was not slow for its compiling alone: there is no second one. */
const longestWarmUp = 10_000;

/**
 * Opens the pack's sessions on `provider`, runs them twice and closes them.
 * @throws CaptionError what the provider cannot do
 */
export async function probe(stored: Pack, provider: Provider): Promise<Probe> {
  const pack = await inPrecisionOf(provider, stored);
  const parts = await openParts(pack, provider);
  try {
    const { nearest, encoder, mapper, decoder } = parts;
    const { vocabulary } = pack.manifest.languageModel;
    const pixels = noise(3 * pack.manifest.encoder.image.size ** 2);
    const once = async (): Promise<Probe> => {
      const start = performance.now();
      const embedding = await encoder.encode([pixels]);
      const prefix = await mapper.map(embedding);
      const logits = await logitsOf(decoder, prefix, vocabulary);
      const rows = await nearest.find(prefix, nearestCount);
      const scores = rows.flatMap((row) => row.nearest.map(({ score }) => score));
      const milliseconds = performance.now() - start;
      return { embedding, prefix, nearest: Float32Array.from(scores), logits, milliseconds };
    };
    const first = await once();
    if (first.milliseconds > longestWarmUp) return first;
    const second = await once();
    return { ...second, milliseconds: Math.min(first.milliseconds, second.milliseconds) };
  } finally {
    await parts.release();
  }
}

/** Continues the prefix with tokens that depend on nothing that was computed, so that every step can be compared. */
async function logitsOf(decoder: Decoder, prefix: Float32Array, vocabulary: number): Promise<Float32Array[]> {
  const decoding = decoder.begin(prefix, 1);
  try {
    const logits = [centred(await decoding.first(), vocabulary)];
    const tokens = noise(steps - 1).map((value) => Math.floor(((value + 2) / 4) * vocabulary));
    for (const token of tokens) logits.push(centred(await decoding.next([0], [token]), vocabulary));
    return logits;
  } finally {
    decoding.dispose();
  }
}

/** @param logits of which those behind the vocabulary are padding */
function centred(logits: Float32Array, vocabulary: number): Float32Array {
  const values = logits.subarray(0, vocabulary);
  const mean = values.reduce((sum, value) => sum + value, 0) / vocabulary;
  return values.map((value) => value - mean);
}
