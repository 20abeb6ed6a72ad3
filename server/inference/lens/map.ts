/** View 3: prefix positions among their neighbour words, in two dimensions. Neighbours are those of the full space. */
import { choice, wholeNumber } from './parameters.js';
import { principalComponents } from './principalComponents.js';
import { umap } from './umap.js';
import { rounded, rowsOf, unit } from './vectors.js';
import type { Compute } from './view.js';

export const map: Compute<'map'> = async ({ model, image, checkpoint }, params) => {
  const projection = choice('projection', params.projection, ['pca', 'umap']);
  const count = wholeNumber('nearest', params.nearest, [1, 20], 6);
  const seed = wholeNumber('seed', params.seed, [0, 2 ** 32 - 1], 0);
  const vocabulary = await model.vocabulary;
  await checkpoint();
  const rows = rowsOf(image.prefix, model.manifest.languageModel.width);
  const neighbours = (await vocabulary.nearest(image.prefix, count)).map(({ cosine }) => cosine.map(({ id }) => id));
  const ids = [...new Set(neighbours.flat())];
  // Prefix rows are many times as long as embeddings: at their lengths all words would stand on one spot.
  const points = [...rows, ...(await vocabulary.embeddings(ids))].map(unit);
  await checkpoint();
  const { points: placed, explained } =
    projection === 'pca'
      ? principalComponents(points)
      : { points: await umap(points, seed, checkpoint), explained: undefined };
  return {
    projection,
    positions: rows.map((_, position) => {
      const { x, y } = placed[position]!;
      return { x: rounded(x), y: rounded(y), position, neighbours: neighbours[position]! };
    }),
    tokens: ids.map((id, index) => {
      const { x, y } = placed[rows.length + index]!;
      return Object.assign(model.token(id), { x: rounded(x), y: rounded(y) });
    }),
    ...(explained && { explained: [rounded(explained[0]), rounded(explained[1])] as const }),
  };
};
