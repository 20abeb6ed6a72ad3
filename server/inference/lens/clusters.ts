/** Which items belong together: agglomerative clustering with average linkage of 1 − similarity. */

interface Cluster {
  /** In an order in which similar ones are neighbours. */
  readonly items: readonly number[];
}

/**
 * @param similarity symmetric [n][n]
 * @returns the items in the order of the tree's leaves, and each item's cluster, numbered in that order. The tree is cut
 * before the merge that is farthest above the one before it; two items are never in one cluster for want of a third.
 */
export function clusters(similarity: readonly (readonly number[])[]): { order: number[]; cluster: number[] } {
  let open: Cluster[] = similarity.map((_, item) => ({ items: [item] }));
  const stages = [open];
  const heights: number[] = [];
  while (open.length > 1) {
    const { first, second, height } = nearestPair(open, similarity);
    const merged = { items: [...open[first]!.items, ...open[second]!.items] };
    open = open.map((one, i) => (i === first ? merged : one)).filter((_, i) => i !== second);
    stages.push(open);
    heights.push(height);
  }
  const order = open[0]?.items ?? [];
  const chosen = stages[cut(heights)] ?? [];
  const byOrder = [...chosen].sort((a, b) => order.indexOf(a.items[0]!) - order.indexOf(b.items[0]!));
  const cluster = similarity.map((_, item) => byOrder.findIndex(({ items }) => items.includes(item)));
  return { order: [...order], cluster };
}

/** How many merges are done: those before the largest step between successive heights. */
function cut(heights: readonly number[]): number {
  let [best, merges] = [0, 0];
  for (let i = 1; i < heights.length; i++) {
    const step = heights[i]! - heights[i - 1]!;
    if (step > best) [best, merges] = [step, i];
  }
  return merges;
}

function nearestPair(
  open: readonly Cluster[],
  similarity: readonly (readonly number[])[],
): { first: number; second: number; height: number } {
  let best = { first: 0, second: 1, height: Infinity };
  for (let first = 0; first < open.length; first++) {
    for (let second = first + 1; second < open.length; second++) {
      const height = averageDistance(open[first]!.items, open[second]!.items, similarity);
      if (height < best.height) best = { first, second, height };
    }
  }
  return best;
}

function averageDistance(
  a: readonly number[],
  b: readonly number[],
  similarity: readonly (readonly number[])[],
): number {
  let total = 0;
  for (const i of a) for (const j of b) total += 1 - similarity[i]![j]!;
  return total / (a.length * b.length);
}
