/** Step 4 of the data's way, its outside: which search chooses the tokens of captions. */
import { beamSearch } from './beamSearch.js';
import type { ResolvedOptions } from './options.js';
import { sample } from './sampling.js';
import type { FoundCaption, Grown, Observer, Steps } from './search.js';
import { standardBeamSearch } from './standardBeamSearch.js';

/**
 * @param considered told what a beam search had before it at each step
 * @returns for each image its captions, best first, at most as many as were asked for
 */
export async function generate(
  steps: Steps,
  { images, vocabulary }: { readonly images: number; readonly vocabulary: number },
  { decoding, captions, stopTokens, minTokens, maxTokens, begin }: ResolvedOptions,
  checkpoint: () => Promise<void>,
  grown?: Grown,
  considered?: Observer,
): Promise<FoundCaption[][]> {
  const options = { images, vocabulary, stopTokens, minTokens, maxTokens, begin, considered };
  if (decoding.strategy === 'sample') return sample(steps, { ...options, ...decoding }, checkpoint, grown);
  if (decoding.strategy === 'beam-standard') {
    return standardBeamSearch(steps, { ...options, ...decoding }, checkpoint, grown);
  }
  const beams = await beamSearch(steps, { ...options, ...decoding }, checkpoint, grown);
  return beams.map((ofImage) => ofImage.slice(0, captions));
}
