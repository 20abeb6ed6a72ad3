/** Two matrices of cosines: prefix positions × words, and prefix positions × each other. */
import { format, max } from 'd3';
import type { HeatmapData } from '@clipcap/protocol/lens';
import { make } from '../make.js';
import { drawLegend, drawMatrix } from '../matrix.js';
import { diverging } from '../palette.js';
import { glyphs } from '../token.js';
import type { View } from './view.js';

const twoDigits = format('.2f');
const fourDigits = format('.4f');

export const heatmapView: View<'heatmap', Record<string, never>> = {
  name: 'heatmap',
  title: 'Heat map',
  help: {
    shows: 'How near every position is to the words that are near to any of them, and how alike the positions are.',
    computed:
      'Cosine in the full width, blue above zero and orange below, both matrices on scales of their own; zero has the colour of the background.',
    limits:
      'Positions with the same row look alike to this measure; whether the language model reads them alike is for Counterfactuals to test.',
  },
  defaults: {},
  room: 480,
  params: () => ({}),
  draw(place, data, drawing) {
    const pair = make('div', { class: 'pair' });
    place.append(pair);
    const positions = data.cosines.map((_, position) => String(position));
    const tokenOf = (column: number): string => data.tokens[column]?.text ?? '';
    const words = make('figure', { class: 'wide' }, make('figcaption', {}, 'Positions × words'));
    const alike = make('figure', {}, make('figcaption', {}, 'Positions × positions'));
    pair.append(words, alike);

    const reach = extent(data.cosines);
    const color = diverging(drawing.palette, reach);
    drawLegend(words, [-reach, reach], color, 'cosine', twoDigits);
    drawMatrix(
      words,
      {
        label: 'Cosine of prefix positions with words',
        rows: positions,
        columns: data.tokens.map(({ text }) => glyphs(text)),
        values: data.cosines,
        color,
        describe: (row, column) => [
          `${JSON.stringify(tokenOf(column))} and position ${row}`,
          `cosine ${fourDigits(data.cosines[row]?.[column] ?? 0)}`,
        ],
        highlight: (row, column) => {
          const id = data.tokens[column]?.id;
          return id === undefined ? { position: row } : { position: row, word: id };
        },
        rowOf: ({ position }) => position,
        columnOf: ({ word }) => indexOf(data, word),
      },
      drawing,
    );

    const scale = diverging(drawing.palette, 1);
    drawLegend(alike, [-1, 1], scale, 'cosine', twoDigits);
    drawMatrix(
      alike,
      {
        label: 'Cosine of prefix positions with each other',
        rows: positions,
        columns: positions,
        values: data.similarity,
        color: scale,
        describe: (row, column) => [
          `positions ${row} and ${column}`,
          `cosine ${fourDigits(data.similarity[row]?.[column] ?? 0)}`,
        ],
        highlight: (row) => ({ position: row }),
        rowOf: ({ position }) => position,
        columnOf: ({ position }) => position,
        number: twoDigits,
      },
      drawing,
    );
  },
  sheet: ({ tokens, cosines, similarity }) => ({
    columns: [
      'position',
      ...tokens.map(({ text }) => `cosine with ${JSON.stringify(text)}`),
      ...similarity.map((_, position) => `cosine with position ${position}`),
    ],
    rows: cosines.map((row, position) => [position, ...row, ...(similarity[position] ?? [])]),
  }),
};

/** The largest absolute value, as the end of a symmetric scale. */
function extent(values: readonly (readonly number[])[]): number {
  return max(values, (row) => max(row, Math.abs)) ?? 1;
}

function indexOf({ tokens }: HeatmapData, word: number | undefined): number | undefined {
  const index = tokens.findIndex(({ id }) => id === word);
  return index < 0 ? undefined : index;
}
