/**
 * The caption that the others agree with most: minimum Bayes risk decoding (Kumar & Byrne 2004) over the beams of one image.
 *
 * The likeliest caption of a beam search may be an outlier, while several others say nearly the same in other words. So
 * each beam is compared with all of them, the likelier counting more, and the one that has most in common is chosen.
 */
import type { FoundCaption } from './search.js';

/** Runs of up to so many tokens are compared, as BLEU and CIDEr do. */
const longestRun = 4;

/**
 * @param captions the beams of one image, best first
 * @param stopTokens left out of the comparison: every finished caption has one
 * @returns the same captions, first those with the largest expected agreement Σⱼ exp(scoreⱼ) · agreement(i, j); captions of
 *   equal agreement stay in their order
 */
export function byConsensus(captions: readonly FoundCaption[], stopTokens: readonly number[]): FoundCaption[] {
  const runs = captions.map(({ tokens }) => {
    const ids = tokens.map(({ id }) => id).filter((id) => !stopTokens.includes(id));
    return Array.from({ length: longestRun }, (_, i) => countRuns(ids, i + 1));
  });
  return captions
    .map((caption, i) => ({
      caption,
      expected: captions.reduce((sum, { score }, j) => sum + Math.exp(score) * agreement(runs[i]!, runs[j]!), 0),
    }))
    .sort((a, b) => b.expected - a.expected)
    .map(({ caption }) => caption);
}

/** How often each run of `length` tokens stands in a caption. */
function countRuns(ids: readonly number[], length: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (let start = 0; start + length <= ids.length; start++) {
    const run = ids.slice(start, start + length).join(' ');
    counts.set(run, (counts.get(run) ?? 0) + 1);
  }
  return counts;
}

/** Mean over the lengths of runs of twice the runs in common / the runs of both (Dice), 0 … 1. */
function agreement(a: readonly ReadonlyMap<string, number>[], b: readonly ReadonlyMap<string, number>[]): number {
  let sum = 0;
  for (const [length, runs] of a.entries()) {
    const others = b[length]!;
    let common = 0;
    for (const [run, count] of runs) common += Math.min(count, others.get(run) ?? 0);
    const all = total(runs) + total(others);
    if (all > 0) sum += (2 * common) / all;
  }
  return sum / a.length;
}

function total(counts: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const count of counts.values()) sum += count;
  return sum;
}
