/** View 1: every prefix position's nearest tokens, norm, margin, and whether it says the same for every image. */
import { metrics, type Metric, type TablePosition } from '@clipcap/protocol/lens';
import { flag, unavailable, wholeNumber } from './parameters.js';
import { cosine, fitting, norm, rounded, rowsOf } from './vectors.js';
import { referenceOf, type Compute } from './view.js';
import type { ScoredId } from './vocabulary.js';

export const table: Compute<'table'> = async (context, params) => {
  const { model, image } = context;
  const { prefixLength } = model.manifest.mapper;
  const asked = wholeNumber('nearest', params.nearest, [1, 50], 8);
  const shown = fitting(asked, prefixLength * metrics.length);
  const allowed = flag('wholeWords', params.wholeWords, false) ? model.wholeWords : undefined;
  if (allowed?.length === 0) throw unavailable('No token of this pack is a whole word. Show all tokens instead.');
  const { norms } = await model.statistics();
  const reference = await referenceOf(context);
  const vocabulary = await model.vocabulary;
  await context.checkpoint();
  // Two at least: the margin is between them.
  const found = await vocabulary.nearest(image.prefix, Math.max(2, shown), allowed);
  const { width } = model.manifest.languageModel;
  const means = reference && rowsOf(reference.mean, width);
  const positions = rowsOf(image.prefix, width).map((row, position): TablePosition => {
    const length = norm(row);
    const mean = means?.[position];
    const of = <Value>(value: (scores: readonly ScoredId[], metric: Metric) => Value): Record<Metric, Value> => {
      const nearest = found[position]!;
      return {
        cosine: value(nearest.cosine, 'cosine'),
        dot: value(nearest.dot, 'dot'),
        euclidean: value(nearest.euclidean, 'euclidean'),
        centred: value(nearest.centred, 'centred'),
      };
    };
    const cells = {
      position,
      norm: rounded(length),
      normRank: rounded(smaller(norms, length) / norms.length),
      nearest: of((scores) => scores.slice(0, shown).map((scored) => model.nearestToken(scored))),
      margin: of(([first, second]) => rounded(first!.score - (second ?? first!).score)),
    };
    return mean ? Object.assign(cells, { shared: rounded(cosine(row, mean)) }) : cells;
  });
  return {
    positions,
    vocabularyNorms: Array.from({ length: 101 }, (_, percent) => rounded(quantile(norms, percent / 100))),
    joint: model.parts.tokenizer.decode(found.map(({ cosine: [first] }) => first!.id)),
    ...(reference && { reference: { images: reference.images, source: reference.source } }),
  };
};

/** How many of the ascending values are smaller than `value`. */
function smaller(values: Float32Array, value: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Of ascending values, interpolated linearly between them. */
function quantile(values: Float32Array, share: number): number {
  const place = share * (values.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, values.length - 1);
  return values[below]! + (place - below) * (values[above]! - values[below]!);
}
