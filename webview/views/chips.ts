/** The prefix as one table: a row for each position, its nearest words as chips, its norm among the vocabulary's. */
import { format, scaleLinear, select } from 'd3';
import type { NearestToken } from '@clipcap/protocol/caption';
import type { TableData, TablePosition } from '@clipcap/protocol/lens';
import { make } from '../make.js';
import { glyphs } from '../matrix.js';
import { roveFocus } from '../roving.js';
import { sharedFrom } from './cards.js';
import { longScore, metricName, shortScore } from './metric.js';
import type { TableOptions } from './table.js';
import type { Drawing } from './view.js';

const twoDigits = format('.2f');
const percent = format('.0%');

interface Chip {
  readonly element: HTMLElement;
  readonly row: number;
  readonly rank: number;
  readonly token: NearestToken;
}

export function drawChips(place: HTMLElement, data: TableData, drawing: Drawing<TableOptions>): void {
  const { metric } = drawing.options;
  const chips: Chip[] = [];
  const rows = data.positions.map((position, row) => {
    const words = make('td', { class: 'chips' });
    for (const [rank, token] of position.nearest[metric].entries()) {
      const element = make(
        'span',
        { class: rank === 0 ? 'chip first' : 'chip', role: 'button', 'data-token': token.id },
        make('span', {}, glyphs(token.text)),
        make('span', { class: 'quiet' }, ` ${shortScore(metric, token.score)}`),
      );
      chips.push({ element, row, rank, token });
      words.append(element);
    }
    const margin = position.margin[metric];
    return make(
      'tr',
      { 'data-position': position.position },
      make('th', { scope: 'row' }, String(position.position)),
      words,
      make('td', { class: 'figure' }, Number.isFinite(margin) ? longScore(metric, margin) : ''),
      normCell(position, data.vocabularyNorms),
      sharedCell(position),
    );
  });
  const heads = [
    'position',
    'nearest words',
    `margin (${metricName(metric)})`,
    'norm among the vocabulary’s',
    'every image',
  ];
  const table = make(
    'table',
    { class: 'rows' },
    make('caption', { class: 'visually-hidden' }, 'Nearest words of every prefix position'),
    make('thead', {}, make('tr', {}, ...heads.map((head) => make('th', { scope: 'col' }, head)))),
    make('tbody', {}, ...rows),
  );
  place.append(make('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'Prefix table' }, table));
  connect(chips, rows, data, drawing);
}

/** A tick on the range of the vocabulary's norms, the middle 90 % of which is a band. */
function normCell({ norm, normRank }: TablePosition, quantiles: readonly number[]): HTMLElement {
  const cell = make('td', { class: 'norm-cell' });
  const [low, high] = [quantiles[0], quantiles.at(-1)];
  if (low !== undefined && high !== undefined) {
    const x = scaleLinear([Math.min(low, norm), Math.max(high, norm)], [1, 89]);
    const svg = select(cell).append('svg').attr('width', 90).attr('height', 14).attr('aria-hidden', 'true');
    svg.append('line').attr('class', 'axis').attr('x1', x(low)).attr('x2', x(high)).attr('y1', 7).attr('y2', 7);
    const [from, to] = [quantiles[5] ?? low, quantiles[95] ?? high];
    svg
      .append('rect')
      .attr('class', 'spread')
      .attr('x', x(from))
      .attr('width', Math.max(1, x(to) - x(from)))
      .attr('y', 4)
      .attr('height', 6);
    svg
      .append('rect')
      .attr('class', 'here')
      .attr('x', x(norm) - 1)
      .attr('width', 3)
      .attr('height', 14);
  }
  const rank = Number.isFinite(normRank) ? ` longer than ${percent(normRank)}` : '';
  cell.append(make('span', {}, twoDigits(norm)), make('span', { class: 'quiet' }, rank));
  return cell;
}

function sharedCell({ shared }: TablePosition): HTMLElement {
  if (shared === undefined) return make('td', { class: 'quiet' }, '–');
  const cell = make('td', {}, make('span', { class: 'quiet' }, `${twoDigits(shared)} `));
  if (shared >= sharedFrom) cell.append(make('span', { class: 'flag' }, 'same for every image'));
  return cell;
}

function connect(
  chips: readonly Chip[],
  rows: readonly HTMLElement[],
  { positions }: TableData,
  { options: { metric }, tooltip, highlights, onHighlight }: Drawing<TableOptions>,
): void {
  for (const { element, row, token } of chips) {
    const position = positions[row]?.position ?? row;
    const enter = (): void => {
      highlights.hover({ position, word: token.id });
      tooltip.show(element, [
        `${JSON.stringify(token.text)}  token ${token.id}`,
        `${metricName(metric)} ${longScore(metric, token.score)} with prefix position ${position}`,
      ]);
    };
    const leave = (): void => {
      highlights.leave();
      tooltip.hide();
    };
    element.addEventListener('pointerenter', enter);
    element.addEventListener('pointerleave', leave);
    element.addEventListener('focus', () => {
      if (element.matches(':focus-visible')) enter();
    });
    element.addEventListener('blur', leave);
    element.addEventListener('click', () => {
      highlights.pin({ position, word: token.id });
    });
    element.addEventListener('keydown', ({ key }) => {
      if (key === 'Enter') highlights.pin({ position, word: token.id });
    });
  }
  onHighlight(({ position, word }) => {
    for (const { element, token } of chips) element.classList.toggle('same', token.id === word);
    for (const [index, row] of rows.entries()) row.classList.toggle('lit', positions[index]?.position === position);
  });
  const at = (row: number, rank: number): HTMLElement | undefined =>
    chips.find((chip) => chip.row === row && chip.rank === rank)?.element;
  roveFocus(
    chips.map(({ element }) => element),
    (key, index) => {
      const { row, rank } = chips[index] ?? { row: 0, rank: 0 };
      const steps: Readonly<Record<string, HTMLElement | undefined>> = {
        ArrowUp: at(row - 1, rank),
        ArrowDown: at(row + 1, rank),
        ArrowLeft: at(row, rank - 1),
        ArrowRight: at(row, rank + 1),
      };
      return steps[key];
    },
  );
}
