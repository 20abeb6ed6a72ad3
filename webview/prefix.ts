/**
 * The picture of a prefix: for every position its nearest vocabulary words, bar length = cosine, all bars on one scale.
 * Each position is a real table, so that a screen reader reads what the bars show.
 */
import { format, max, min, range, scaleLinear, select, type Selection } from 'd3';
import type { NearestToken, PrefixPosition } from '@clipcap/protocol/caption';
import { roveFocus } from './roving.js';
import { spokenToken, tokenParts } from './token.js';
import type { Tooltip } from './tooltip.js';

const twoDigits = format('.2f');

interface Row {
  readonly position: PrefixPosition;
  readonly token: NearestToken;
  readonly rank: number;
}

/** Ends of the scale that all bars share: zero is always on it, and its outer end is a round number. */
export function barScale(prefix: readonly PrefixPosition[]): readonly [number, number] {
  const scores = prefix.flatMap(({ nearest }) => nearest.map(({ score }) => score));
  const [low = 0, high = 1] = scaleLinear()
    .domain([Math.min(0, min(scores) ?? 0), Math.max(0.05, max(scores) ?? 1)])
    .nice(10)
    .domain();
  return [low, high];
}

/** Draws the positions of a prefix into `parent`, in place of what was there. */
export function drawPrefix(parent: HTMLElement, prefix: readonly PrefixPosition[], tooltip: Tooltip): void {
  const [low, high] = barScale(prefix);
  const x = scaleLinear([low, high], [0, 100]);
  const cards = select(parent)
    .attr('class', 'positions')
    .attr('aria-busy', null)
    .selectAll<HTMLTableElement, PrefixPosition>('table')
    .data(prefix)
    .join('table');
  cards.selectChildren().remove();
  // Their layout is a grid's, so the roles of a table are said once more.
  cards.attr('class', 'position').attr('role', 'table');

  const caption = cards.append('caption');
  caption
    .append('span')
    .attr('class', 'number')
    .text(({ position }) => position);
  caption.append('span').attr('class', 'visually-hidden').text('prefix position, ');
  caption
    .append('span')
    .attr('class', 'norm')
    .text(({ norm }) => `‖p‖ ${twoDigits(norm)}`)
    .attr('aria-label', ({ norm }) => `norm ${twoDigits(norm)}`);
  const heads = cards.append('thead').attr('class', 'visually-hidden').append('tr');
  heads.selectAll('th').data(['nearest word', 'bar', 'cosine']).join('th').attr('scope', 'col').text(String);

  const rows = cards
    .append('tbody')
    .selectAll<HTMLTableRowElement, Row>('tr')
    .data((position) => position.nearest.map((token, rank): Row => ({ position, token, rank })))
    .join('tr')
    .attr('role', 'row')
    .attr('data-token', ({ token }) => token.id)
    .classed('first', ({ rank }) => rank === 0);
  drawWords(rows);
  const bars = rows
    .append('td')
    .attr('class', 'bar')
    .attr('aria-hidden', 'true')
    .append('svg')
    .attr('width', '100%')
    .attr('height', '100%');
  bars
    .append('rect')
    .attr('class', 'value')
    .attr('x', ({ token }) => `${x(Math.min(0, token.score))}%`)
    .attr('width', ({ token }) => `${Math.abs(x(token.score) - x(0))}%`)
    .attr('height', '100%')
    .attr('rx', 2);
  rows
    .append('td')
    .attr('role', 'cell')
    .attr('class', 'score')
    .text(({ token }) => twoDigits(token.score));

  connect(rows, prefix, tooltip);
}

/** Cards of the usual shape without content, so that nothing moves when the result arrives. */
export function drawSkeleton(parent: HTMLElement, positions: number, words: number): void {
  const cards = select(parent)
    .attr('class', 'positions skeleton')
    .attr('aria-busy', 'true')
    .selectAll('table')
    .data(range(positions))
    .join('table');
  cards.selectChildren().remove();
  cards.attr('class', 'position').attr('aria-hidden', 'true');
  cards.append('caption').append('span').attr('class', 'number').text(String);
  const rows = cards.append('tbody').selectAll('tr').data(range(words)).join('tr');
  rows.append('th').attr('class', 'word').append('span').attr('class', 'placeholder');
  rows.append('td').attr('class', 'bar');
  rows.append('td').attr('class', 'score').text('\u00a0');
}

function drawWords(rows: Selection<HTMLTableRowElement, Row, HTMLTableSectionElement, PrefixPosition>): void {
  const words = rows.append('th').attr('scope', 'row').attr('role', 'rowheader').attr('class', 'word');
  words
    .append('span')
    .attr('aria-hidden', 'true')
    .selectAll('span')
    .data(({ token }) => tokenParts(token.text))
    .join('span')
    .classed('mark', ({ mark }) => mark)
    .text(({ text }) => text);
  words
    .append('span')
    .attr('class', 'visually-hidden')
    .text(({ token }) => spokenToken(token.text));
}

/** Pointer and focus show a row's details and light up the same word at other positions. */
function connect(
  rows: Selection<HTMLTableRowElement, Row, HTMLTableSectionElement, PrefixPosition>,
  prefix: readonly PrefixPosition[],
  tooltip: Tooltip,
): void {
  const enter = (node: HTMLTableRowElement, row: Row): void => {
    rows.classed('same', ({ token }) => token.id === row.token.id);
    tooltip.show(node, details(row, prefix), node.closest('table') ?? node);
  };
  const leave = (): void => {
    rows.classed('same', false);
    tooltip.hide();
  };
  rows
    .on('pointerenter', function (_event, row) {
      enter(this, row);
    })
    .on('focus', function (_event, row) {
      if (this.matches(':focus-visible')) enter(this, row);
    })
    .on('pointerleave', leave)
    .on('blur', leave);

  const nodes = rows.nodes();
  const places = rows.data().map(({ position, rank }) => ({ card: prefix.indexOf(position), rank }));
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

/** What the tooltip says about a word: exact token, its cosine, its margin, and where else it stands. */
function details({ position, token, rank }: Row, prefix: readonly PrefixPosition[]): readonly string[] {
  const next = position.nearest[rank + 1];
  const elsewhere = prefix
    .filter((other) => other !== position && other.nearest.some(({ id }) => id === token.id))
    .map((other) => other.position);
  return [
    `${JSON.stringify(token.text)}  token ${token.id}`,
    `cosine ${format('.4f')(token.score)} with prefix position ${position.position}`,
    ...(next === undefined ? [] : [`${format('.4f')(token.score - next.score)} ahead of the next word`]),
    ...(elsewhere.length === 0 ? [] : [`also near position ${elsewhere.join(', ')}`]),
  ];
}
