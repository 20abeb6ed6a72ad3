/** View 2: the cosine of every prefix position with the tokens that are nearest to any of them, and with each other. */
import { cosine, rounded, rowsOf } from './vectors.js';
import type { Compute } from './view.js';

const mostTokens = 60;

export const heatmap: Compute<'heatmap'> = async ({ model, image, checkpoint }) => {
  const vocabulary = await model.vocabulary;
  await checkpoint();
  const rows = rowsOf(image.prefix, model.manifest.languageModel.width);
  const nearest = (await vocabulary.nearest(image.prefix, mostTokens)).map((scores) => scores.cosine);
  // Each position's nearest first, then each one's second, so that every position has a share of the columns.
  const ids = new Set<number>();
  for (let rank = 0; rank < mostTokens; rank++) {
    for (const scores of nearest) {
      const scored = scores[rank];
      if (scored && ids.size < mostTokens) ids.add(scored.id);
    }
  }
  const embeddings = await vocabulary.embeddings([...ids]);
  return {
    tokens: [...ids].map((id) => model.token(id)),
    cosines: rows.map((row) => embeddings.map((embedding) => rounded(cosine(row, embedding)))),
    similarity: rows.map((row) => rows.map((other) => rounded(cosine(row, other)))),
  };
};
