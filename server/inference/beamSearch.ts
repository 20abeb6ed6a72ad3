/**
 * Beam search as ClipCap's reference does it (`generate_beam`, rmokady/CLIP_prefix_caption), for many images at once.
 * Greedy decoding is the beam search of one beam.
 *
 * A finished beam may only be padded, at no cost, and competes with the continuations of the others by its mean
 * log-probability. Its rows and those of finished images are not computed any more.
 */
import { topLogProbs } from './logProbs.js';
import {
  extend,
  forbidden,
  isFinished,
  search,
  toCaption,
  type Considered,
  type FoundCaption,
  type Grown,
  type Hypothesis,
  type ImageSearch,
  type SearchOptions,
  type Steps,
} from './search.js';

interface BeamSearchOptions extends SearchOptions {
  readonly beams: number;
}

/**
 * @param checkpoint awaited before every step; what it throws ends the search
 * @returns for each image its beams, best first
 */
export function beamSearch(
  steps: Steps,
  options: BeamSearchOptions,
  checkpoint: () => Promise<void>,
  grown?: Grown,
): Promise<FoundCaption[][]> {
  return search(steps, options, checkpoint, grown, (root, image) => new Beams(root, image, options));
}

class Beams implements ImageSearch {
  readonly #options: BeamSearchOptions;
  readonly #image: number;
  #beams: readonly Hypothesis[];

  constructor(root: Hypothesis, image: number, options: BeamSearchOptions) {
    this.#options = options;
    this.#image = image;
    this.#beams = [root];
  }

  get live(): readonly Hypothesis[] {
    return this.#beams.filter((beam) => !isFinished(beam, this.#options));
  }

  get best(): Hypothesis | undefined {
    return this.#beams[0];
  }

  /** Keeps the best continuations of all beams by mean log-probability; ties by beam, then by token. */
  advance(logits: Float32Array, firstRow: number): void {
    const { beams, vocabulary } = this.#options;
    let row = firstRow;
    const candidates = this.#beams.flatMap((beam) => {
      if (isFinished(beam, this.#options)) return [beam];
      // No beam can give more survivors than there are, so its best few stand for its whole vocabulary.
      const tokens = topLogProbs(logits, row, vocabulary, beams, forbidden(beam, this.#options));
      const continued = tokens.map((token) => extend(beam, token, row));
      row++;
      return continued;
    });
    // The sort is stable: candidates of equal mean keep the order of beams and of token ids.
    const before = this.#beams;
    this.#beams = candidates.sort((a, b) => mean(b) - mean(a)).slice(0, beams);
    this.#options.considered?.(this.#image, this.#considered(candidates, before));
  }

  /** Captions that had ended before are not considered again: they are where they ended. */
  #considered(candidates: readonly Hypothesis[], before: readonly Hypothesis[]): Considered[] {
    const kept = new Set(this.#beams);
    return candidates
      .filter((hypothesis) => !before.includes(hypothesis))
      .map((hypothesis) => {
        const goesOn = isFinished(hypothesis, this.#options) ? 'finished' : 'kept';
        return { hypothesis, state: kept.has(hypothesis) ? goesOn : 'pruned' };
      });
  }

  captions(): FoundCaption[] {
    return this.#beams.map(toCaption).sort((a, b) => b.score - a.score);
  }
}

function mean({ sum, tokens }: Hypothesis): number {
  return sum / tokens.length;
}
