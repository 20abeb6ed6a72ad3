/**
 * Beam search as ClipCap's reference does it (`generate_beam`, rmokady/CLIP_prefix_caption), for many images at once.
 * Greedy decoding is the beam search of one beam.
 *
 * A finished beam may only be padded, at no cost, and competes with the continuations of the others by its mean
 * log-probability. Its rows and those of finished images are not computed any more.
 */
import { topLogProbs, type ScoredToken } from './logProbs.js';

/** A language model that continues captions; rows are those of the call before. */
export interface Steps {
  /** Logits [N,V] of the first token, a row for each image. */
  first(): Promise<Float32Array>;
  /** Continues row `rows[i]` of the step before with `tokens[i]`; logits [rows.length,V]. */
  next(rows: readonly number[], tokens: readonly number[]): Promise<Float32Array>;
}

export interface SearchOptions {
  readonly images: number;
  readonly beams: number;
  readonly maxTokens: number;
  readonly vocabulary: number;
  readonly stopTokens: readonly number[];
}

export interface FoundCaption {
  /** With the stop token, unless the caption was cut at `maxTokens`. */
  readonly tokens: readonly ScoredToken[];
  /** Mean log-probability of the tokens. */
  readonly score: number;
}

interface Beam {
  readonly tokens: readonly ScoredToken[];
  /** Sum of the tokens' log-probabilities. */
  readonly sum: number;
  readonly finished: boolean;
  /** Where the step that made its last token keeps its keys and values. */
  readonly row: number;
}

/**
 * @param checkpoint awaited before every step; what it throws ends the search
 * @returns for each image its beams, best first
 */
export async function beamSearch(
  steps: Steps,
  options: SearchOptions,
  checkpoint: () => Promise<void>,
): Promise<FoundCaption[][]> {
  const { images, beams, maxTokens, vocabulary } = options;
  await checkpoint();
  let logits = await steps.first();
  let found = Array.from({ length: images }, (_, image) =>
    topLogProbs(logits, image, vocabulary, beams).map((token) => extend(undefined, token, image, options)),
  );
  for (let length = 1; length < maxTokens; length++) {
    const live = found.flat().filter((beam) => !beam.finished);
    if (live.length === 0) break;
    await checkpoint();
    logits = await steps.next(
      live.map((beam) => beam.row),
      live.map((beam) => beam.tokens.at(-1)!.id),
    );
    const rows = new Map(live.map((beam, row) => [beam, row]));
    found = found.map((current) => advance(current, rows, logits, options));
  }
  return found.map((final) => final.map(caption).sort((a, b) => b.score - a.score));
}

/** The best `beams` continuations of one image's beams by mean log-probability; ties by beam, then by token. */
function advance(
  current: readonly Beam[],
  rows: ReadonlyMap<Beam, number>,
  logits: Float32Array,
  options: SearchOptions,
): Beam[] {
  const candidates = current.flatMap((beam) => {
    const row = rows.get(beam);
    if (row === undefined) return [beam];
    // No beam can give more survivors than there are, so its best few stand for its whole vocabulary.
    const continuations = topLogProbs(logits, row, options.vocabulary, options.beams);
    return continuations.map((token) => extend(beam, token, row, options));
  });
  // The sort is stable: candidates of equal mean keep the order of beams and of token ids.
  return candidates.sort((a, b) => mean(b) - mean(a)).slice(0, options.beams);
}

function extend(beam: Beam | undefined, token: ScoredToken, row: number, { stopTokens }: SearchOptions): Beam {
  return {
    tokens: [...(beam?.tokens ?? []), token],
    sum: (beam?.sum ?? 0) + token.logProb,
    finished: stopTokens.includes(token.id),
    row,
  };
}

function mean({ sum, tokens }: Beam): number {
  return sum / tokens.length;
}

function caption(beam: Beam): FoundCaption {
  return { tokens: beam.tokens, score: mean(beam) };
}
