/** The prefix as words: for every position its nearest vocabulary words, as cards or as one table. */
import type { CaptionResult } from '@clipcap/protocol/caption';
import type { Metric, TableData } from '@clipcap/protocol/lens';
import { choice, tick, wholeNumber } from '../controls.js';
import { deliver } from '../exportTools.js';
import { make } from '../make.js';
import { referenceControl } from '../reference.js';
import { drawBones, drawCards } from './cards.js';
import { drawChips } from './chips.js';
import { metricName, metricNames } from './metric.js';
import type { Drawing, View } from './view.js';

interface TableOptions {
  readonly metric: Metric;
  readonly nearest: number;
  readonly wholeWords: boolean;
  readonly look: 'cards' | 'table';
}

const looks: readonly (readonly [TableOptions['look'], string])[] = [
  ['cards', 'cards'],
  ['table', 'table'],
];

/** Cards of the skeleton, before anything has told how many positions there are. */
const usualPositions = 10;

export const tableView: View<'table', TableOptions> = {
  name: 'table',
  title: 'Prefix',
  help: {
    shows: 'For every position of the prefix, the real words whose embeddings are nearest to it.',
    computed:
      'Each position is compared with every token embedding of the language model, in the full width; all four measures come from one pass, so that switching costs nothing.',
    limits:
      'A near word is evidence of what a position holds, not an explanation: positions work together, and the nearest word may be far away. Cosine favours rare words with small norms, the dot product words with large ones.',
  },
  defaults: { metric: 'cosine', nearest: 8, wholeWords: false, look: 'cards' },
  room: 520,
  params: ({ nearest, wholeWords }) => ({ nearest, wholeWords }),
  usesReference: true,
  bones: (place, { nearest }) => {
    drawBones(place, usualPositions, nearest);
  },
  early: fromCaption,
  controls(line, drawing, data) {
    const { options, change, readOnly } = drawing;
    line.append(
      choice('Measure', metricNames, options.metric, (metric) => {
        change({ metric });
      }),
      choice('Look', looks, options.look, (look) => {
        change({ look });
      }),
    );
    if (readOnly) return;
    line.append(
      wholeNumber('Words', options.nearest, [1, 50], (nearest) => {
        change({ nearest });
      }),
      tick('Whole words only', options.wholeWords, (wholeWords) => {
        change({ wholeWords });
      }),
    );
    const known = data?.reference ?? (data && data.vocabularyNorms.length > 0 ? 'none' : undefined);
    line.append(referenceControl(drawing, known));
  },
  draw(place, data, drawing) {
    const { look } = drawing.options;
    place.append(jointly(data, drawing));
    const switchMetric = look === 'cards' ? drawCards(place, data, drawing) : drawChips(place, data, drawing);
    return (options) => options.look === look && switchMetric(options.metric);
  },
  sheet: ({ positions }, { metric }) => ({
    columns: [
      'position',
      'norm',
      'share of the vocabulary with a smaller norm',
      `margin (${metricName(metric)})`,
      'cosine with the mean of every image',
      ...(positions[0]?.nearest[metric] ?? []).flatMap((_, rank) => [`word ${rank + 1}`, `score ${rank + 1}`]),
    ],
    rows: positions.map(({ position, norm, normRank, margin, shared, nearest }) => [
      position,
      norm,
      normRank,
      margin[metric],
      shared ?? '',
      ...nearest[metric].flatMap(({ text, score }) => [text, score]),
    ]),
  }),
  isTable: true,
};

/** What captioning has already found out: the nearest words by cosine. */
function fromCaption({ image }: CaptionResult): TableData {
  return {
    positions: image.prefix.map(({ position, norm, nearest }) => ({
      position,
      norm,
      normRank: Number.NaN,
      nearest: { cosine: nearest, dot: [], euclidean: [], centred: [] },
      margin: {
        cosine: (nearest[0]?.score ?? Number.NaN) - (nearest[1]?.score ?? Number.NaN),
        dot: Number.NaN,
        euclidean: Number.NaN,
        centred: Number.NaN,
      },
    })),
    vocabularyNorms: [],
    joint: '',
  };
}

function jointly({ joint }: TableData, { copy }: Drawing<TableOptions>): HTMLElement {
  const line = make('p', { class: 'joint' }, make('span', { class: 'quiet' }, 'Read as one text (cosine): '));
  if (joint === '') line.append('\u00a0');
  else {
    const button = make('button', { type: 'button', class: 'tool' }, 'Copy');
    button.addEventListener('click', () => {
      void deliver(button, 'Copy', () => copy(joint));
    });
    line.append(make('q', {}, joint), ' ', button);
  }
  return line;
}
