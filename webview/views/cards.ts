/**
 * A card for every prefix position: its nearest words, bar length = score, all bars on one scale. Each card is a real
 * table, so that a screen reader reads what the bars show. Another metric is written into the cards that are there,
 * those in sight first: making hundreds of rows anew costs several times as much.
 */
import { format, max, min, range, scaleLinear } from 'd3';
import type { NearestToken } from '@clipcap/protocol/caption';
import type { Metric, TableData, TablePosition } from '@clipcap/protocol/lens';
import { make } from '../make.js';
import { spokenToken, tokenParts } from '../token.js';
import { metricName, shortScore } from './metric.js';
import { connectWords, sharedFrom, type SwitchMetric } from './nearestWords.js';
import { nearFirst } from './nearFirst.js';
import type { Drawing } from './view.js';

const twoDigits = format('.2f');

/** With more cards than this, those outside of the window are laid out when they are scrolled to, and written last. */
const manyFrom = 20;

/** In percent of the scale that all bars share. */
interface Bar {
  readonly start: number;
  readonly width: number;
}

type BarOf = (token: NearestToken) => Bar;

export function drawCards(
  place: HTMLElement,
  { positions }: TableData,
  drawing: Drawing<{ readonly metric: Metric }>,
): SwitchMetric {
  const legend = make('p', { class: 'legend quiet' });
  const cards = positions.map((position) => cardOf(position, position.nearest[drawing.options.metric].length));
  const list = make('div', { class: positions.length > manyFrom ? 'positions many' : 'positions' });
  list.append(...cards.map(({ element }) => element));
  const words = Math.max(1, ...positions.map(({ nearest }) => nearest.cosine.length));
  list.style.setProperty('--words', String(words));

  const writeAll = (metric: Metric, each: (write: (index: number) => void) => void): void => {
    const [bar, meaning] = scaleOf(positions, metric);
    legend.textContent = meaning;
    each((index) => {
      const [card, position] = [cards[index], positions[index]];
      if (card && position) writeCard(card, position, metric, bar);
    });
  };
  const atOnce = (write: (index: number) => void): void => {
    for (const index of cards.keys()) write(index);
  };
  writeAll(drawing.options.metric, atOnce);
  const again = cards.length > manyFrom ? nearFirst(cards.map(({ element }) => element)) : atOnce;
  place.append(legend, list);
  return connectWords(
    {
      place: list,
      words: cards.map(({ rows }) => rows),
      positions: cards.map(({ element }) => element),
      reading: 'down',
    },
    positions,
    drawing,
    (metric) => {
      writeAll(metric, again);
    },
  );
}

/**
 * Zero is on the scale and its outer end is a round number; of distances, which have no meaningful zero here, the
 * farthest word shown has no bar.
 */
function scaleOf(positions: readonly TablePosition[], metric: Metric): readonly [BarOf, string] {
  const scores = positions.flatMap(({ nearest }) => nearest[metric].map(({ score }) => score));
  const [least = 0, most = 1] = [min(scores), max(scores)];
  const ofDistance = metric === 'euclidean';
  const scale = scaleLinear([0, 100]);
  if (ofDistance) scale.domain(least < most ? [least, most] : [least - 1, most]);
  else scale.domain([Math.min(0, least), Math.max(0.05, most)]).nice(10);
  const [low = 0, high = 1] = scale.domain();
  const zero = ofDistance ? 0 : scale(0);
  const said = ofDistance
    ? `nearer is longer, distance ${twoDigits(-low)} to ${twoDigits(-high)}`
    : `${metricName(metric)}, ${low} to ${high}`;
  return [
    ({ score }) => ({ start: Math.min(zero, scale(score)), width: Math.abs(scale(score) - zero) }),
    `Bar: ${said} · ‖p‖: norm of the position · “·”: a space`,
  ];
}

/** Cards of the usual shape without content, so that nothing moves when the result arrives. */
export function drawBones(place: HTMLElement, positions: number, words: number): void {
  const bone = (position: number): HTMLElement => {
    const rows = range(words).map(() =>
      make(
        'tr',
        {},
        make('th', { class: 'word' }, make('span', { class: 'placeholder' })),
        make('td', { class: 'bar' }),
        make('td', { class: 'score' }, '\u00a0'),
      ),
    );
    return make(
      'table',
      { class: 'position', 'aria-hidden': 'true' },
      make('caption', {}, make('span', { class: 'number' }, String(position))),
      make('tbody', {}, ...rows),
      make('tfoot', {}, make('tr', {}, make('td', { class: 'foot' }, '\u00a0'))),
    );
  };
  place.append(
    make('p', { class: 'joint' }, '\u00a0'),
    make('p', { class: 'legend' }, '\u00a0'),
    make('div', { class: 'positions skeleton', 'aria-busy': 'true' }, ...range(positions).map(bone)),
  );
}

interface Card {
  readonly element: HTMLTableElement;
  readonly metric: HTMLElement;
  readonly rows: readonly HTMLTableRowElement[];
  readonly foot: HTMLElement;
}

/** A card with what no metric changes. Its layout is a grid's, so the roles of a table are said once more. */
function cardOf({ position, norm, shared }: TablePosition, words: number): Card {
  const metric = make('th', { scope: 'col', role: 'columnheader' });
  const rows = range(words).map(() => copyOf(emptyRow));
  const foot = make('td', { role: 'cell', class: 'foot quiet' });
  const caption = make(
    'caption',
    {},
    make('span', { class: 'visually-hidden' }, 'prefix position '),
    make('span', { class: 'number' }, String(position)),
  );
  if (shared !== undefined && shared >= sharedFrom) {
    const title = `cosine ${twoDigits(shared)} with the mean of every image`;
    caption.append(make('span', { class: 'flag', title }, 'same for every image'));
  }
  caption.append(make('span', { class: 'norm' }, `‖p‖ ${twoDigits(norm)}`));
  const heads = ['nearest word', 'bar'].map((head) => make('th', { scope: 'col', role: 'columnheader' }, head));
  const element = make(
    'table',
    { class: 'position', role: 'table' },
    caption,
    make('thead', { class: 'visually-hidden', role: 'rowgroup' }, make('tr', { role: 'row' }, ...heads, metric)),
    make('tbody', { role: 'rowgroup' }, ...rows),
    make('tfoot', { role: 'rowgroup' }, make('tr', { role: 'row' }, foot)),
  );
  return { element, metric, rows, foot };
}

const emptyRow = make(
  'tr',
  { role: 'row' },
  make(
    'th',
    { scope: 'row', role: 'rowheader', class: 'word' },
    make('span', { 'aria-hidden': 'true' }),
    make('span', { class: 'visually-hidden' }),
  ),
  make('td', { class: 'bar', 'aria-hidden': 'true' }, make('span', { class: 'value' })),
  make('td', { role: 'cell', class: 'score' }),
);

function copyOf(row: HTMLTableRowElement): HTMLTableRowElement {
  const copy = row.cloneNode(true);
  if (!(copy instanceof HTMLTableRowElement)) throw new Error('a copy of a row is a row');
  return copy;
}

function writeCard(card: Card, position: TablePosition, metric: Metric, bar: BarOf): void {
  card.metric.textContent = metricName(metric);
  card.foot.textContent = footOf(position, metric);
  for (const [rank, row] of card.rows.entries()) {
    const token = position.nearest[metric][rank];
    if (token) writeRow(row, token, rank, bar(token), metric);
  }
}

function writeRow(
  row: HTMLTableRowElement,
  token: NearestToken,
  rank: number,
  { start, width }: Bar,
  metric: Metric,
): void {
  const [word, bar, score] = row.cells;
  const value = bar?.firstElementChild;
  if (!word || !(value instanceof HTMLElement) || !score) throw new Error('a row has its cells');
  const id = String(token.id);
  if (row.dataset['token'] !== id) {
    row.dataset['token'] = id;
    const parts = tokenParts(token.text).map(({ text, mark }) => make('span', mark ? { class: 'mark' } : {}, text));
    word.firstElementChild?.replaceChildren(...parts);
    word.lastElementChild?.replaceChildren(spokenToken(token.text));
  }
  row.classList.toggle('first', rank === 0);
  value.style.marginLeft = `${start}%`;
  value.style.width = `${width}%`;
  score.textContent = shortScore(metric, token.score);
}

function footOf({ margin, normRank }: TablePosition, metric: Metric): string {
  const ahead = Number.isFinite(margin[metric]) ? `margin ${twoDigits(margin[metric])}` : '';
  const norm = Number.isFinite(normRank) ? `norm above ${Math.round(100 * normRank)} %` : '';
  return [ahead, norm].filter((part) => part !== '').join(' · ') || '\u00a0';
}
