/** View 4's second half: what the beam search considered at each step, what it kept, and what it dropped. */
import type { BeamNode } from '@clipcap/protocol/lens';
import type { Considered, Hypothesis } from '../search.js';
import { resolve, searchFrom } from './captions.js';
import { rounded } from './vectors.js';
import type { Compute } from './view.js';

/** Nodes of a whole tree: 100 bytes each on their way. */
const mostNodes = 1600;
const mostCaptions = 10;
/** Of a step, so that the tree stays one that can be looked at: a wide search considers the square of its beams. */
const usualPerStep = 16;

export const beams: Compute<'beams'> = async ({ model, image, options, checkpoint }) => {
  // Drawing tokens considers nothing: then it is the pack's own search that is shown.
  const searching = resolve(model, options, model.manifest.mapper.prefixLength);
  const resolved =
    searching.decoding.strategy === 'sample' ? resolve(model, {}, model.manifest.mapper.prefixLength) : searching;
  const { decoding } = resolved;
  const width = 'beams' in decoding ? decoding.beams : 1;
  const steps: (readonly Considered[])[] = [];
  const asked = { ...resolved, captions: Math.min(width, mostCaptions) };
  const [found] = await searchFrom(
    model,
    [image.prefix],
    {
      ...asked,
      decoding: decoding.strategy === 'beam-standard' ? { ...decoding, captions: asked.captions } : decoding,
    },
    checkpoint,
    (_, step) => steps.push(step),
  );
  return {
    beams: width,
    steps: nodes(steps),
    captions: found!.map((caption) => model.parts.tokenizer.caption(caption)),
  };

  function nodes(all: readonly (readonly Considered[])[]): BeamNode[][] {
    const perStep = Math.max(1, Math.min(Math.max(usualPerStep, 2 * width), Math.floor(mostNodes / all.length)));
    let places = new Map<Hypothesis, number>();
    return all.map((step) => {
      const shown = fewer(step, perStep);
      const now = new Map(shown.map(({ hypothesis }, place) => [hypothesis, place]));
      const before = places;
      places = now;
      return shown.map(({ hypothesis, state }): BeamNode => {
        const parent = hypothesis.parent && before.get(hypothesis.parent);
        const node = {
          token: model.tokenScore(hypothesis.tokens.at(-1)!),
          mean: rounded(hypothesis.sum / hypothesis.tokens.length),
          state,
        };
        return parent === undefined ? node : Object.assign(node, { parent });
      });
    });
  }
};

/** What was dropped is left out first, the worst of it first. The order stays. */
function fewer(step: readonly Considered[], limit: number): readonly Considered[] {
  if (step.length <= limit) return step;
  const pruned = step.filter(({ state }) => state === 'pruned');
  const kept = step.filter(({ state }) => state !== 'pruned').slice(0, limit);
  const left = new Set([...kept, ...pruned.slice(0, limit - kept.length)]);
  return step.filter((one) => left.has(one));
}
