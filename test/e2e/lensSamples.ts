/** Data of every view as a model of any prefix length could give it: random but seeded, so that pictures can be compared. */
import type { Caption, CaptionResult, NearestToken, TokenScore } from '@clipcap/protocol/caption';
import { metrics, type LensView, type LensViews, type Metric, type WordChange } from '@clipcap/protocol/lens';

const words =
  ' cat| kitten| eyes| looking| grey|ing|\n|\\xe2\\x80| whiskers| photographer| sofa| window| sitting| orange| tabby| camera|-|s| furry| animal| close| portrait| sleeping| a| the| dog| nose| green| stares| wooden| table| black| white| white-tailed| ears| paw'.split(
    '|',
  );

const caption = ' a grey cat is looking at the camera'.split(/(?= )/u);

export type Samples = { readonly [View in LensView]: LensViews[View]['data'] };

/** Numbers in 0…1 (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function range<Item>(length: number, make: (index: number) => Item): Item[] {
  return Array.from({ length }, (_, index) => make(index));
}

/** The views of an image whose prefix has `length` positions, in a language model of 12 blocks. */
export function sampleViews(length: number): Samples {
  const random = randomNumbers(length + 1);
  const token = (): { id: number; text: string } => {
    const index = Math.floor(random() * words.length);
    return { id: 100 + index, text: words[index] ?? '' };
  };
  const ranked = (count: number, top: number, step: number): NearestToken[] =>
    range(count, (rank) => ({ ...token(), score: top - step * rank - step * 0.5 * random() }));
  const scored = (): TokenScore => ({ ...token(), logProb: Math.log(0.02 + 0.9 * random() ** 2) });
  const own: Caption = {
    text: caption.join('').trim(),
    score: -0.7,
    tokens: [
      ...caption.map((text, index) => ({ id: 10 + index, text, logProb: Math.log(0.15 + 0.8 * random()) })),
      { id: 0, text: '<|endoftext|>', logProb: -0.2 },
    ],
  };
  const other: Caption = { ...own, text: 'a grey dog is sleeping on the sofa', score: -0.9 };
  const changed: readonly WordChange[] = [
    { kind: 'same', words: 'a grey' },
    { kind: 'removed', words: 'cat is looking at the camera' },
    { kind: 'added', words: 'dog is sleeping on the sofa' },
  ];
  const unchanged: readonly WordChange[] = [{ kind: 'same', words: own.text }];
  const square = (count: number): number[][] => {
    const half = range(count, () => range(count, () => random() * 1.4 - 0.4));
    return half.map((row, i) => row.map((_, j) => (i === j ? 1 : (half[Math.min(i, j)]?.[Math.max(i, j)] ?? 0))));
  };
  const tops: Readonly<Record<Metric, number>> = { cosine: 0.62, dot: 14, euclidean: -2.1, centred: 0.55 };
  const steps: Readonly<Record<Metric, number>> = { cosine: 0.04, dot: 0.9, euclidean: 0.08, centred: 0.05 };
  const nearestOf = (metric: Metric): NearestToken[] => ranked(8, tops[metric] * (0.8 + 0.2 * random()), steps[metric]);
  const positions = range(length, (position) => {
    const nearest = Object.fromEntries(metrics.map((metric) => [metric, nearestOf(metric)]));
    const of = (metric: Metric): NearestToken[] => nearest[metric] ?? [];
    const margin = (metric: Metric): number => (of(metric)[0]?.score ?? 0) - (of(metric)[1]?.score ?? 0);
    return {
      position,
      norm: 2 + random() * 6,
      normRank: random(),
      nearest: { cosine: of('cosine'), dot: of('dot'), euclidean: of('euclidean'), centred: of('centred') },
      margin: {
        cosine: margin('cosine'),
        dot: margin('dot'),
        euclidean: margin('euclidean'),
        centred: margin('centred'),
      },
      shared: position % 4 === 3 ? 0.97 : 0.3 + 0.4 * random(),
    };
  });
  const heatTokens = range(Math.min(60, words.length), (index) => ({ id: 100 + index, text: words[index] ?? '' }));
  const columns = Math.min(length, 80);
  return {
    table: {
      positions,
      vocabularyNorms: range(101, (quantile) => 1.6 + (quantile / 100) ** 2 * 2 + (quantile === 100 ? 2 : 0)),
      joint: positions.map(({ nearest }) => nearest.cosine[0]?.text ?? '').join(''),
      reference: { images: 1000, source: 'pack' },
    },
    heatmap: {
      tokens: heatTokens,
      cosines: range(length, () => heatTokens.map(() => random() * 0.9 - 0.3)),
      similarity: square(length),
    },
    map: {
      projection: 'pca',
      positions: range(length, (position) => ({
        position,
        x: random() * 4 - 2,
        y: random() * 4 - 2,
        neighbours: range(6, () => 100 + Math.floor(random() * words.length)),
      })),
      tokens: words.map((text, index) => ({ id: 100 + index, text, x: random() * 6 - 3, y: random() * 6 - 3 })),
      explained: [0.31, 0.17],
    },
    tokens: {
      caption: own,
      tokens: own.tokens.map((one) => ({
        ...one,
        entropy: random() * 4,
        alternatives: [one, ...range(9, scored)].sort((a, b) => b.logProb - a.logProb),
      })),
    },
    beams: {
      beams: 5,
      steps: range(9, (step) =>
        range(step === 0 ? 5 : 9, (rank) => ({
          // The caption's own tokens are on top.
          token: { ...scored(), ...(rank === 0 ? own.tokens[step] : {}) },
          ...(step === 0 ? {} : { parent: Math.floor(random() * Math.min(5, rank + 1)) }),
          mean: -0.5 - 0.1 * rank,
          state: rank < 5 ? (step > 5 && rank === 1 ? 'finished' : 'kept') : 'pruned',
        })),
      ),
      captions: [own, other],
    },
    attention: {
      of: 'decoder',
      layers: 12,
      heads: 12,
      rows: own.tokens.map(({ text }) => text),
      columns: range(columns, String),
      weights: own.tokens.map(() => range(columns, () => random() ** 4 * (3 / columns))),
      outside: own.tokens.map((_, index) => Math.min(0.9, 0.08 * index)),
    },
    lens: {
      columns: [
        ...range(length, (index) => ({ kind: 'prefix' as const, text: String(index) })),
        ...own.tokens.slice(0, -1).map(({ text }) => ({ kind: 'token' as const, text })),
      ],
      cells: range(13, (layer) =>
        range(length + own.tokens.length - 1, () =>
          range(5, (rank) => ({
            ...token(),
            logProb: Math.log(Math.min(0.97, (0.05 + (layer / 14) * random()) / (rank + 1))),
          })),
        ),
      ),
    },
    counterfactuals: {
      caption: own,
      results: range(length, (position) => {
        const change = -4 * random() ** 2 + 0.4;
        return {
          intervention: { kind: 'drop' as const, position },
          caption: change < -1 ? other : own,
          words: change < -1 ? changed : unchanged,
          change,
        };
      }),
    },
    occlusion: {
      grid: 7,
      values: range(7, (row) =>
        range(7, (column) => 2.4 * Math.exp(-((row - 3) ** 2 + (column - 4) ** 2) / 5) - 0.4 * random()),
      ),
      logProb: -6.3,
      caption: own,
      crop: { x: 75, y: 0, width: 300, height: 300 },
    },
    compare: {
      items: range(8, (index) => ({
        label: ['chelsea.jpg', 'coffee.jpg', 'rocket.jpg'][index % 3] ?? '',
        uri: index === 0 ? 'file:///photos/chelsea.jpg' : `file:///photos/${index}.jpg`,
        caption: index % 2 === 0 ? own : other,
        nearest: range(5, token),
      })),
      similarity: square(8).map((row, index) => row.slice(0, index + 1)),
      clusters: { order: [0, 2, 4, 6, 1, 3, 5, 7], cluster: [0, 1, 0, 1, 0, 1, 0, 1] },
      words: range(8, (index) => (index % 2 === 0 ? unchanged : changed)),
      shared: [{ id: 123, text: ' a', position: 0, share: 0.88 }],
      collapse: { diversity: 0.25, variance: 0.12, own: -0.7, shuffled: -2.9 },
    },
    encoder: {
      of: 'texts',
      among: 1313,
      prompt: 'a photo of a {}.',
      scale: 100,
      labels: range(20, (index) => ({
        label: `${(words[index] ?? '').trim() || 'thing'}, as a label`,
        probability: 0.42 * 0.7 ** index,
        cosine: 0.29 - 0.0036 * index,
      })),
    },
  };
}

/** What captioning says of the same image. */
export function sampleResult(length: number): CaptionResult {
  const { table, tokens } = sampleViews(length);
  return {
    model: {
      id: 'builtin',
      encoder: 'efficientnet-lite2',
      mapper: 'mlp',
      prefixLength: length,
      width: 256,
      dtype: 'int8',
      provider: 'cpu',
    },
    title: 'A sample pack',
    image: {
      sha256: '0'.repeat(64),
      width: 451,
      height: 300,
      captions: [tokens.caption],
      prefix: table.positions.map(({ position, norm, nearest }) => ({ position, norm, nearest: nearest.cosine })),
      timings: { decode: 4.2, preprocess: 1.4, encode: 17.3, map: 0.2, generate: 31.8, interpret: 1.9 },
    },
  };
}
