/** UMAP (McInnes et al. 2018) of a few points, by cosine distance, the same for the same seed. */
import { UMAP } from 'umap-js';
import { Random } from '../random.js';
import { usage } from './parameters.js';
import { cosine } from './vectors.js';

const neighbours = 15;
/** Rounds between which others may run. */
const roundsAtATime = 50;

/** Points [n][D] → [n] places. @throws CaptionError `usage` if there are too few to have a shape */
export async function umap(
  points: readonly Float32Array[],
  seed: number,
  checkpoint: () => Promise<void>,
): Promise<{ x: number; y: number }[]> {
  if (points.length < 4)
    throw usage(`UMAP needs four points or more, not ${points.length}. Use pca, or draw more neighbours.`);
  const random = Random.of(seed, 0);
  const projection = new UMAP({
    nComponents: 2,
    nNeighbors: Math.min(neighbours, points.length - 1),
    distanceFn: (a, b) => 1 - cosine(a, b),
    random: () => random.uniform(),
  });
  const rounds = projection.initializeFit(points.map((point) => [...point]));
  for (let round = 0; round < rounds; round++) {
    if (round % roundsAtATime === 0) await checkpoint();
    projection.step();
  }
  return projection.getEmbedding().map(([x = 0, y = 0]) => ({ x, y }));
}
