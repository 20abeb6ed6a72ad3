/** How alike the prefixes of several images are: a matrix in which like stands beside like. */
import { format } from 'd3';
import type { CompareData } from '@clipcap/protocol/lens';
import { make } from '../make.js';
import { drawLegend, drawMatrix } from '../matrix.js';
import { diverging } from '../palette.js';
import { fileName } from './items.js';
import type { Drawing } from './view.js';

const twoDigits = format('.2f');

export function drawSimilarity<Options>(
  place: HTMLElement,
  { items, clusters }: CompareData,
  similarity: readonly (readonly number[])[],
  drawing: Drawing<Options>,
): void {
  const order = clusters?.order ?? items.map((_, index) => index);
  const labelOf = (index: number): string => fileName(items[order[index] ?? 0]?.label ?? '');
  const groups = clusters ? runs(order.map((item) => clusters.cluster[item] ?? 0)) : [];
  const values = order.map((row) => order.map((column) => cosineOf(similarity, row, column)));
  const color = diverging(drawing.palette, 1);
  place.append(make('h3', {}, 'How alike the prefixes are'));
  drawLegend(
    place,
    [-1, 1],
    color,
    clusters
      ? `cosine of whole prefixes; like stands beside like, ${groups.length === 1 ? 'all in one cluster' : `${groups.length} clusters are framed`}`
      : 'cosine of whole prefixes',
    twoDigits,
  );
  drawMatrix(
    place,
    {
      label: 'Similarity of prefixes',
      rows: values.map((_, index) => labelOf(index)),
      columns: values.map((_, index) => labelOf(index)),
      values,
      color,
      describe: (row, column) => {
        const both = [row, column].map((index) => clusters?.cluster[order[index] ?? 0]);
        return [
          `${labelOf(row)} and ${labelOf(column)}`,
          `cosine ${format('.4f')(values[row]?.[column] ?? 0)}`,
          ...(clusters ? [both[0] === both[1] ? `both in cluster ${both[0]}` : `clusters ${both.join(' and ')}`] : []),
        ];
      },
      groups: groups.length > 1 ? groups : [],
      number: twoDigits,
    },
    drawing,
  );
}

/** Ends of the runs of equal numbers. */
function runs(numbers: readonly number[]): readonly (readonly [number, number])[] {
  const found: [number, number][] = [];
  for (const [index, number] of numbers.entries()) {
    const last = found.at(-1);
    if (last && numbers[index - 1] === number) last[1] = index;
    else found.push([index, index]);
  }
  return found;
}

/** A cosine of the lower triangle that is sent. */
export function cosineOf(similarity: readonly (readonly number[])[], row: number, column: number): number {
  return similarity[Math.max(row, column)]?.[Math.min(row, column)] ?? Number.NaN;
}
