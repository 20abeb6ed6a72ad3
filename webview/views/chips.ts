/** The prefix as one table: a row for each position, its nearest words as chips, its norm among the vocabulary's. */
import { format, scaleLinear, select } from 'd3';
import type { Metric, TableData, TablePosition } from '@clipcap/protocol/lens';
import { make } from '../make.js';
import { glyphs } from '../token.js';
import { longScore, metricName, shortScore } from './metric.js';
import { connectWords, sharedFrom, type SwitchMetric } from './nearestWords.js';
import type { Drawing } from './view.js';

const twoDigits = format('.2f');
const percent = format('.0%');

export function drawChips(
  place: HTMLElement,
  data: TableData,
  drawing: Drawing<{ readonly metric: Metric }>,
): SwitchMetric {
  const { positions } = data;
  const lines = positions.map((position) => lineOf(position, data.vocabularyNorms, drawing.options.metric));
  const marginHead = make('th', { scope: 'col' });
  const write = (metric: Metric): void => {
    marginHead.textContent = `margin (${metricName(metric)})`;
    for (const [index, line] of lines.entries()) {
      const position = positions[index];
      if (position) writeLine(line, position, metric);
    }
  };
  write(drawing.options.metric);
  const heads = [head('position'), head('nearest words'), marginHead, head('norm among the vocabulary’s')];
  const table = make(
    'table',
    { class: 'rows' },
    make('caption', { class: 'visually-hidden' }, 'Nearest words of every prefix position'),
    make('thead', {}, make('tr', {}, ...heads, head('every image'))),
    make('tbody', {}, ...lines.map(({ element }) => element)),
  );
  place.append(make('div', { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'Prefix table' }, table));
  return connectWords(
    {
      place: table,
      words: lines.map(({ chips }) => chips),
      positions: lines.map(({ element }) => element),
      reading: 'across',
    },
    positions,
    drawing,
    write,
  );
}

interface Line {
  readonly element: HTMLElement;
  readonly chips: readonly HTMLElement[];
  readonly margin: HTMLElement;
}

function lineOf(position: TablePosition, norms: readonly number[], metric: Metric): Line {
  const chips = position.nearest[metric].map((_, rank) =>
    make(
      'span',
      { class: rank === 0 ? 'chip first' : 'chip', role: 'button' },
      make('span'),
      make('span', { class: 'quiet' }),
    ),
  );
  const margin = make('td', { class: 'figure' });
  const element = make(
    'tr',
    { 'data-position': position.position },
    make('th', { scope: 'row' }, String(position.position)),
    make('td', { class: 'chips' }, ...chips),
    margin,
    normCell(position, norms),
    sharedCell(position),
  );
  return { element, chips, margin };
}

function writeLine({ chips, margin }: Line, position: TablePosition, metric: Metric): void {
  const ahead = position.margin[metric];
  margin.textContent = Number.isFinite(ahead) ? longScore(metric, ahead) : '';
  for (const [rank, chip] of chips.entries()) {
    const token = position.nearest[metric][rank];
    const [word, score] = chip.children;
    if (!token || !word || !score) continue;
    chip.dataset['token'] = String(token.id);
    word.textContent = glyphs(token.text);
    score.textContent = ` ${shortScore(metric, token.score)}`;
  }
}

function head(text: string): HTMLElement {
  return make('th', { scope: 'col' }, text);
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
