/**
 * A card for every prefix position: its nearest words, bar length = score, all bars on one scale. Each card is a real
 * table, so that a screen reader reads what the bars show.
 */
import { format, max, min, range, scaleLinear, select, type Selection } from 'd3';
import type { NearestToken } from '@clipcap/protocol/caption';
import type { Metric, TableData, TablePosition } from '@clipcap/protocol/lens';
import { make } from '../make.js';
import { roveFocus } from '../roving.js';
import { spokenToken, tokenParts } from '../token.js';
import { longScore, metricName, shortScore } from './metric.js';
import type { TableOptions } from './table.js';
import type { Drawing } from './view.js';

const twoDigits = format('.2f');

/** From this cosine with the mean of every image on, a position is called shared. */
export const sharedFrom = 0.95;

/** With more cards than this, those outside of the window are laid out when they are scrolled to. */
const manyFrom = 20;

interface Row {
  readonly position: TablePosition;
  readonly token: NearestToken;
  readonly rank: number;
}

type Rows = Selection<HTMLTableRowElement, Row, HTMLTableSectionElement, TablePosition>;

/**
 * Ends of the scale that all bars share. Zero is on it and its outer end is a round number; of distances, which have no
 * meaningful zero here, the farthest word shown has no bar.
 */
function barScale(positions: readonly TablePosition[], metric: Metric): readonly [number, number] {
  const scores = positions.flatMap(({ nearest }) => nearest[metric].map(({ score }) => score));
  const [least = 0, most = 1] = [min(scores), max(scores)];
  if (metric === 'euclidean') return least < most ? [least, most] : [least - 1, most];
  const [low = 0, high = 1] = scaleLinear()
    .domain([Math.min(0, least), Math.max(0.05, most)])
    .nice(10)
    .domain();
  return [low, high];
}

export function drawCards(place: HTMLElement, data: TableData, drawing: Drawing<TableOptions>): void {
  const { metric } = drawing.options;
  const { positions } = data;
  const [low, high] = barScale(positions, metric);
  const x = scaleLinear([low, high], [0, 100]);
  const zero = metric === 'euclidean' ? 0 : x(0);
  const words = Math.max(1, ...positions.map(({ nearest }) => nearest.cosine.length));
  select(place)
    .append('p')
    .attr('class', 'legend quiet')
    .text(legend(metric, low, high));
  const cards = select(place)
    .append('div')
    .attr('class', positions.length > manyFrom ? 'positions many' : 'positions')
    .selectAll<HTMLTableElement, TablePosition>('table')
    .data(positions)
    .join('table')
    .attr('class', 'position')
    // Their layout is a grid's, so the roles of a table are said once more.
    .attr('role', 'table')
    .style('--words', String(words));

  const caption = cards.append('caption');
  caption.append('span').attr('class', 'visually-hidden').text('prefix position ');
  caption
    .append('span')
    .attr('class', 'number')
    .text(({ position }) => position);
  caption
    .filter(({ shared }) => shared !== undefined && shared >= sharedFrom)
    .append('span')
    .attr('class', 'flag')
    .attr('title', ({ shared }) => `cosine ${twoDigits(shared ?? 0)} with the mean of every image`)
    .text('same for every image');
  caption
    .append('span')
    .attr('class', 'norm')
    .text(({ norm }) => `‖p‖ ${twoDigits(norm)}`);
  const heads = cards.append('thead').attr('class', 'visually-hidden').attr('role', 'rowgroup');
  heads
    .append('tr')
    .attr('role', 'row')
    .selectAll('th')
    .data(['nearest word', 'bar', metricName(metric)])
    .join('th')
    .attr('scope', 'col')
    .attr('role', 'columnheader')
    .text(String);

  const template = rowTemplate();
  const bar = ({ score }: NearestToken): Bar => ({
    start: Math.min(zero, x(score)),
    width: Math.abs(x(score) - zero),
  });
  const rows: Rows = cards
    .append('tbody')
    .attr('role', 'rowgroup')
    .selectAll<HTMLTableRowElement, Row>('tr')
    .data((position) => position.nearest[metric].map((token, rank): Row => ({ position, token, rank })))
    .join((missing) => missing.append((row) => rowOf(template, row, bar(row.token), metric)));
  cards
    .append('tfoot')
    .attr('role', 'rowgroup')
    .append('tr')
    .attr('role', 'row')
    .append('td')
    .attr('role', 'cell')
    .attr('class', 'foot quiet')
    .text((position) => footOf(position, metric));
  connect(rows, cards, positions, drawing);
}

/** Cards of the usual shape without content, so that nothing moves when the result arrives. */
export function drawBones(place: HTMLElement, positions: number, words: number): void {
  select(place).append('p').attr('class', 'joint').text('\u00a0');
  select(place).append('p').attr('class', 'legend').text('\u00a0');
  const cards = select(place)
    .append('div')
    .attr('class', 'positions skeleton')
    .attr('aria-busy', 'true')
    .selectAll('table')
    .data(range(positions))
    .join('table')
    .attr('class', 'position')
    .attr('aria-hidden', 'true');
  cards.append('caption').append('span').attr('class', 'number').text(String);
  const rows = cards.append('tbody').selectAll('tr').data(range(words)).join('tr');
  rows.append('th').attr('class', 'word').append('span').attr('class', 'placeholder');
  rows.append('td').attr('class', 'bar');
  rows.append('td').attr('class', 'score').text('\u00a0');
  cards.append('tfoot').append('tr').append('td').attr('class', 'foot').text('\u00a0');
}

function legend(metric: Metric, low: number, high: number): string {
  const bar =
    metric === 'euclidean'
      ? `Bar: nearer is longer, distance ${twoDigits(-low)} to ${twoDigits(-high)}`
      : `Bar: ${metricName(metric)}, ${low} to ${high}`;
  return `${bar} · ‖p‖: norm of the position · “·”: a space`;
}

function footOf({ margin, normRank }: TablePosition, metric: Metric): string {
  const ahead = Number.isFinite(margin[metric]) ? `margin ${twoDigits(margin[metric])}` : '';
  const norm = Number.isFinite(normRank) ? `norm above ${Math.round(100 * normRank)} %` : '';
  return [ahead, norm].filter((part) => part !== '').join(' · ') || '\u00a0';
}

/** A row without its values. */
function rowTemplate(): HTMLTableRowElement {
  return make(
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
}

/** In percent of the scale. */
interface Bar {
  readonly start: number;
  readonly width: number;
}

/**
 * A row with its values. There may be hundreds, drawn anew with every switch of the metric: a template is copied and filled
 * node by node, which is several times as fast as making rows and looking for their parts.
 */
function rowOf(
  template: HTMLTableRowElement,
  { token, rank }: Row,
  { start, width }: Bar,
  metric: Metric,
): HTMLTableRowElement {
  const row = template.cloneNode(true);
  if (!(row instanceof HTMLTableRowElement)) throw new Error('a copy of a row is a row');
  const [word, bar, score] = row.cells;
  const value = bar?.firstElementChild;
  if (!word || !(value instanceof HTMLElement) || !score) throw new Error('a copy of a row has its cells');
  row.dataset['token'] = String(token.id);
  if (rank === 0) row.className = 'first';
  const parts = tokenParts(token.text).map(({ text, mark }) => make('span', mark ? { class: 'mark' } : {}, text));
  word.firstElementChild?.append(...parts);
  word.lastElementChild?.append(spokenToken(token.text));
  value.style.marginLeft = `${start}%`;
  value.style.width = `${width}%`;
  score.textContent = shortScore(metric, token.score);
  return row;
}

/** Pointer and focus show a row's details and light up the same word everywhere; a click or Enter pins it. */
function connect(
  rows: Rows,
  cards: Selection<HTMLTableElement, TablePosition, HTMLDivElement, unknown>,
  positions: readonly TablePosition[],
  { options, tooltip, highlights, onHighlight }: Drawing<TableOptions>,
): void {
  const { metric } = options;
  const enter = (node: HTMLTableRowElement, row: Row): void => {
    highlights.hover({ position: row.position.position, word: row.token.id });
    tooltip.show(node, details(row, positions, metric), node.closest('table') ?? node);
  };
  const leave = (): void => {
    highlights.leave();
    tooltip.hide();
  };
  const pin = (row: Row): void => {
    highlights.pin({ position: row.position.position, word: row.token.id });
  };
  rows
    .on('pointerenter', function (_event, row) {
      enter(this, row);
    })
    .on('focus', function (_event, row) {
      if (this.matches(':focus-visible')) enter(this, row);
    })
    .on('pointerleave', leave)
    .on('blur', leave)
    .on('click', (_event, row) => {
      pin(row);
    })
    .on('keydown', (event: KeyboardEvent, row) => {
      if (event.key === 'Enter') pin(row);
    });
  onHighlight(({ position, word }) => {
    rows.classed('same', ({ token }) => token.id === word);
    cards.classed('lit', (card) => card.position === position);
  });

  const nodes = rows.nodes();
  const places = rows.data().map(({ position, rank }) => ({ card: positions.indexOf(position), rank }));
  const at = (card: number, rank: number): HTMLTableRowElement | undefined =>
    nodes[places.findIndex((place) => place.card === card && place.rank === rank)];
  roveFocus(nodes, (key, index) => {
    const { card, rank } = places[index] ?? { card: 0, rank: 0 };
    switch (key) {
      case 'ArrowUp':
        return at(card, rank - 1);
      case 'ArrowDown':
        return at(card, rank + 1);
      case 'ArrowLeft':
        return at(card - 1, rank);
      case 'ArrowRight':
        return at(card + 1, rank);
      default:
        return undefined;
    }
  });
}

/** What the tooltip says about a word: exact token, its score, its margin, and where else it stands. */
function details(
  { position, token, rank }: Row,
  positions: readonly TablePosition[],
  metric: Metric,
): readonly string[] {
  const next = position.nearest[metric][rank + 1];
  const elsewhere = positions
    .filter((other) => other !== position && other.nearest[metric].some(({ id }) => id === token.id))
    .map((other) => other.position);
  return [
    `${JSON.stringify(token.text)}  token ${token.id}`,
    `${metricName(metric)} ${longScore(metric, token.score)} with prefix position ${position.position}`,
    ...(next === undefined ? [] : [`${longScore(metric, token.score - next.score)} ahead of the next word`]),
    ...(elsewhere.length === 0 ? [] : [`also near position ${elsewhere.join(', ')}`]),
  ];
}
