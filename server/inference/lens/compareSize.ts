/** A comparison of many images has to fit in one message: what people look at least goes first. */
import type { CompareData } from '@clipcap/protocol/lens';
import { usage } from './parameters.js';

const mostBytes = 200_000;

type Lighter = (data: CompareData) => CompareData;

/** In this order, each after the ones before it. */
const lighter: readonly Lighter[] = [
  withItems((item) => ({ ...item, caption: { ...item.caption, tokens: [] } })),
  withItems((item) => ({ ...item, nearest: item.nearest.slice(0, 10) })),
  withDecimals(3),
  withItems((item) => ({ ...item, nearest: item.nearest.slice(0, 3) })),
  withDecimals(2),
  withItems((item) => ({ ...item, nearest: [] })),
  withItems((item) => ({ ...item, label: item.label.replace(/^.*[/\\]/u, '') })),
  (data) => ({ ...data, words: data.words.map(() => []) }),
];

/** The comparison with as much as 200 KB hold. @throws CaptionError `usage` if even the least is too much */
export function lightEnough(data: CompareData): CompareData {
  let light = data;
  for (const make of lighter) {
    if (fits(light)) return light;
    light = make(light);
  }
  if (fits(light)) return light;
  throw usage(`The paths of ${data.items.length} images are too long to be compared at a time. Choose fewer.`);
}

function fits(data: CompareData): boolean {
  return Buffer.byteLength(JSON.stringify(data)) <= mostBytes;
}

function withItems(change: (item: CompareData['items'][number]) => CompareData['items'][number]): Lighter {
  return (data) => ({ ...data, items: data.items.map(change) });
}

function withDecimals(decimals: number): Lighter {
  const scale = 10 ** decimals;
  return ({ similarity, ...rest }) => ({
    ...rest,
    ...(similarity && { similarity: similarity.map((row) => row.map((value) => Math.round(value * scale) / scale)) }),
  });
}
