/** Which prefix positions each token of the caption looked at, and, of a transformer mapper, who read which clip token. */
import { format, max, range } from 'd3';
import type { AttentionData } from '@clipcap/protocol/lens';
import { choice } from '../controls.js';
import { make } from '../make.js';
import { drawLegend, drawMatrix } from '../matrix.js';
import { sequential } from '../palette.js';
import { glyphs } from '../token.js';
import type { View } from './view.js';

interface AttentionOptions {
  readonly of: 'decoder' | 'mapper';
  /** −1: the mean of all. */
  readonly layer: number;
  readonly head: number;
}

const percent = format('.1%');
const readers: readonly (readonly [AttentionOptions['of'], string])[] = [
  ['decoder', 'the caption reading the prefix'],
  ['mapper', 'the prefix reading the image'],
];

export const attentionView: View<'attention', AttentionOptions> = {
  name: 'attention',
  title: 'Attention',
  help: {
    shows:
      'How much each token of the caption (a row) attended to each prefix position (a column) when it was predicted.',
    computed:
      'The attention weights after softmax, of one head or the mean of heads and layers, not renormalised: what went elsewhere is the last column.',
    limits:
      'Attention says what was read, not what was made of it: a position can be read and ignored. Counterfactuals measure effects.',
  },
  defaults: { of: 'decoder', layer: -1, head: -1 },
  room: 400,
  params: ({ of, layer, head }) => ({
    of,
    ...(layer < 0 ? {} : { layer }),
    ...(head < 0 ? {} : { head }),
  }),
  controls(line, { options, change, readOnly }, data) {
    if (readOnly) return;
    line.append(
      choice('Of', readers, options.of, (of) => {
        change({ of, layer: -1, head: -1 });
      }),
      numbered('Layer', data?.layers ?? 0, options.layer, (layer) => {
        change({ layer });
      }),
      numbered('Head', data?.heads ?? 0, options.head, (head) => {
        change({ head });
      }),
    );
  },
  draw(place, data, drawing) {
    const { of } = data;
    const values = data.weights.map((row, index) => [...row, data.outside[index] ?? 0]);
    const most = max(data.weights, (row) => max(row)) ?? 1;
    const color = sequential(drawing.palette, most);
    drawLegend(place, [0, most], color, `share of the attention, ${whose(data)}`, percent);
    const column = (index: number): string => data.columns[index] ?? 'elsewhere';
    drawMatrix(
      place,
      {
        label: of === 'decoder' ? 'Attention of caption tokens to prefix positions' : 'Attention of the mapper',
        rows: data.rows.map(glyphs),
        columns: [...data.columns.map(glyphs), 'elsewhere'],
        values,
        color,
        describe: (row, index) => [
          `${JSON.stringify(data.rows[row] ?? '')} → ${of === 'decoder' && index < data.columns.length ? 'position ' : ''}${column(index)}`,
          `${percent(values[row]?.[index] ?? 0)} of its attention`,
        ],
        highlight: (row, index) =>
          of === 'mapper'
            ? { position: row }
            : index < data.columns.length
              ? { token: row, position: index }
              : { token: row },
        rowOf: ({ token, position }) => within(of === 'mapper' ? position : token, data.rows.length),
        columnOf: ({ position }) => (of === 'mapper' ? undefined : within(position, data.columns.length)),
      },
      drawing,
    );
    place.append(
      make(
        'p',
        { class: 'legend quiet' },
        of === 'decoder'
          ? 'A row: the token that was being predicted. “elsewhere”: earlier tokens of the caption.'
          : 'A row: a position’s constant of the mapper. A column: a token that the encoder’s embedding became.',
      ),
    );
  },
  sheet: (data: AttentionData) => ({
    columns: ['token', ...data.columns, 'elsewhere'],
    rows: data.weights.map((row, index) => [data.rows[index] ?? '', ...row, data.outside[index] ?? 0]),
  }),
};

function whose({ layer, head, layers, heads }: AttentionData): string {
  const ofLayer = layer === undefined ? `mean of ${layers} layers` : `layer ${layer}`;
  const ofHead = head === undefined ? `mean of ${heads} heads` : `head ${head}`;
  return `${ofLayer}, ${ofHead}`;
}

function numbered(label: string, count: number, chosen: number, change: (value: number) => void): HTMLElement {
  const values = [
    ['-1', 'mean of all'] as const,
    ...range(Math.max(count, chosen + 1)).map((index) => [String(index), String(index)] as const),
  ];
  return choice(label, values, String(chosen), (value) => {
    change(Number(value));
  });
}

function within(index: number | undefined, length: number): number | undefined {
  return index !== undefined && index < length ? index : undefined;
}
