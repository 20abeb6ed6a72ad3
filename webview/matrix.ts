/**
 * A matrix of coloured cells with labels, as SVG, or on a canvas where it has thousands of cells. The pointer and the
 * arrow keys go to every cell; what is pointed at is framed and told, nothing else is drawn again.
 */
import { select } from 'd3';
import { make } from './make.js';
import type { Highlight } from './highlights.js';
import { readable } from './palette.js';
import type { Drawing } from './views/view.js';

export interface Matrix {
  /** What a screen reader calls it. */
  readonly label: string;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly values: readonly (readonly number[])[];
  readonly color: (value: number) => string;
  readonly describe: (row: number, column: number) => readonly string[];
  readonly highlight?: (row: number, column: number) => Highlight;
  readonly rowOf?: (highlight: Highlight) => number | undefined;
  readonly columnOf?: (highlight: Highlight) => number | undefined;
  /** Ends of groups of rows, which are those of columns: each is framed on the diagonal. */
  readonly groups?: readonly (readonly [first: number, last: number])[];
  /** Writes numbers into cells that are large enough. */
  readonly number?: (value: number) => string;
}

/** More cells than this are drawn on a canvas. */
const canvasFrom = 2000;
const text = 11;

export function drawMatrix<Options>(place: HTMLElement, matrix: Matrix, drawing: Drawing<Options>): void {
  const { rows, columns, values } = matrix;
  const left = Math.min(110, labelWidth(rows)) + 8;
  const top = Math.min(96, labelWidth(columns)) + 8;
  const room = Math.max(240, place.clientWidth) - left - 2;
  const cell = Math.max(9, Math.min(30, Math.floor(room / Math.max(1, columns.length))));
  const [width, height] = [left + cell * columns.length + 2, top + cell * rows.length + 2];

  const said = make('p', { class: 'visually-hidden', 'aria-live': 'polite' });
  const box = make('div', {
    class: 'matrix',
    role: 'group',
    tabindex: 0,
    'aria-label': `${matrix.label}. ${rows.length} rows, ${columns.length} columns. Arrow keys go from cell to cell.`,
  });
  place.append(box, said);
  const stack = make('div', { class: 'matrix-stack' });
  stack.style.width = `${width}px`;
  stack.style.height = `${height}px`;
  box.append(stack);
  if (rows.length * columns.length > canvasFrom) paint(stack, matrix, { left, top, cell });
  const svg = select(stack).append('svg').attr('width', width).attr('height', height).attr('aria-hidden', 'true');
  if (rows.length * columns.length <= canvasFrom) {
    const cells = svg
      .append('g')
      .selectAll('g')
      .data(values)
      .join('g')
      .attr('transform', (_row, index) => `translate(${left},${top + index * cell})`);
    cells
      .selectAll('rect')
      .data((row) => row)
      .join('rect')
      .attr('x', (_value, index) => index * cell)
      .attr('width', cell - 1)
      .attr('height', cell - 1)
      .attr('fill', matrix.color);
    const { number } = matrix;
    if (number && cell >= 28) {
      cells
        .selectAll('text')
        .data((row) => row)
        .join('text')
        .attr('x', (_value, index) => index * cell + cell / 2 - 0.5)
        .attr('y', cell / 2 + 3)
        .attr('text-anchor', 'middle')
        .attr('font-size', 9)
        .attr('fill', (value) => readable(matrix.color(value), drawing.palette))
        .text(number);
    }
  }
  const every = Math.max(1, Math.ceil((text + 1) / cell));
  const rowLabels = svg
    .append('g')
    .attr('class', 'labels')
    .selectAll('text')
    .data(rows)
    .join('text')
    .attr('x', left - 6)
    .attr('y', (_row, index) => top + index * cell + cell / 2 + 4)
    .attr('text-anchor', 'end')
    .attr('font-size', text)
    .attr('display', (_row, index) => (index % every === 0 ? null : 'none'))
    .text((row) => cut(row, left - 8));
  const columnLabels = svg
    .append('g')
    .attr('class', 'labels')
    .selectAll('text')
    .data(columns)
    .join('text')
    .attr('transform', (_column, index) => `translate(${left + index * cell + cell / 2 + 4},${top - 6}) rotate(-90)`)
    .attr('font-size', text)
    .attr('display', (_column, index) => (index % every === 0 ? null : 'none'))
    .text((column) => cut(column, top - 8));
  svg
    .append('g')
    .selectAll('rect')
    .data(matrix.groups ?? [])
    .join('rect')
    .attr('class', 'group')
    .attr('x', ([first]) => left + first * cell - 0.5)
    .attr('y', ([first]) => top + first * cell - 0.5)
    .attr('width', ([first, end]) => (end - first + 1) * cell)
    .attr('height', ([first, end]) => (end - first + 1) * cell);
  const marks = svg.append('g').attr('class', 'marks');
  const rowMark = marks.append('rect').attr('class', 'band').attr('x', left).attr('height', cell);
  const columnMark = marks.append('rect').attr('class', 'band').attr('y', top).attr('width', cell);
  const frame = marks.append('rect').attr('class', 'frame').attr('width', cell).attr('height', cell);
  rowMark.attr('width', cell * columns.length);
  columnMark.attr('height', cell * rows.length);
  marks.selectAll('rect').attr('visibility', 'hidden');

  drawing.onHighlight((highlight) => {
    const row = matrix.rowOf?.(highlight);
    const column = matrix.columnOf?.(highlight);
    rowMark.attr('visibility', row === undefined ? 'hidden' : null).attr('y', top + (row ?? 0) * cell - 0.5);
    columnMark.attr('visibility', column === undefined ? 'hidden' : null).attr('x', left + (column ?? 0) * cell - 0.5);
    rowLabels.classed('lit', (_label, index) => index === row);
    columnLabels.classed('lit', (_label, index) => index === column);
  });

  let at: { row: number; column: number } | undefined;
  const go = (row: number, column: number, byKey: boolean): void => {
    at = { row, column };
    frame
      .attr('visibility', null)
      .attr('x', left + column * cell - 0.5)
      .attr('y', top + row * cell - 0.5);
    const lines = matrix.describe(row, column);
    const node = frame.node();
    if (byKey) {
      said.textContent = lines.join(', ');
      node?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }
    if (node) drawing.tooltip.show(box, lines, node);
    if (matrix.highlight) drawing.highlights.hover(matrix.highlight(row, column));
  };
  const leave = (): void => {
    at = undefined;
    frame.attr('visibility', 'hidden');
    drawing.tooltip.hide();
    drawing.highlights.leave();
  };
  stack.addEventListener('pointermove', (event) => {
    const { left: x, top: y } = stack.getBoundingClientRect();
    const column = Math.floor((event.clientX - x - left) / cell);
    const row = Math.floor((event.clientY - y - top) / cell);
    if (values[row]?.[column] === undefined) {
      if (at) leave();
    } else if (at?.row !== row || at.column !== column) go(row, column, false);
  });
  stack.addEventListener('pointerleave', leave);
  stack.addEventListener('click', () => {
    if (at && matrix.highlight) drawing.highlights.pin(matrix.highlight(at.row, at.column));
  });
  box.addEventListener('blur', leave);
  const steps: Readonly<Record<string, readonly [number, number]>> = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
    Home: [0, -columns.length],
    End: [0, columns.length],
  };
  box.addEventListener('keydown', (event) => {
    const step = steps[event.key];
    if (event.key === 'Enter' && at && matrix.highlight) drawing.highlights.pin(matrix.highlight(at.row, at.column));
    if (!step || rows.length === 0 || columns.length === 0) return;
    event.preventDefault();
    const row = at ? Math.max(0, Math.min(rows.length - 1, at.row + step[0])) : 0;
    const column = at ? Math.max(0, Math.min(columns.length - 1, at.column + step[1])) : 0;
    go(row, column, true);
  });
}

/** A scale's two or three ends as a strip of colour with their values. */
export function drawLegend(
  place: HTMLElement,
  ends: readonly [number, number],
  color: (value: number) => string,
  words: string,
  write: (value: number) => string,
): void {
  const legend = make('p', { class: 'scale quiet' });
  const [low, high] = ends;
  const svg = select(legend).append('svg').attr('width', 120).attr('height', 10).attr('aria-hidden', 'true');
  svg
    .selectAll('rect')
    .data(Array.from({ length: 24 }, (_, index) => low + ((high - low) * index) / 23))
    .join('rect')
    .attr('x', (_value, index) => index * 5)
    .attr('width', 5)
    .attr('height', 10)
    .attr('fill', color);
  legend.prepend(make('span', {}, write(low)));
  legend.append(make('span', {}, write(high)), make('span', {}, words));
  place.append(legend);
}

function paint(
  stack: HTMLElement,
  { rows, columns, values, color }: Matrix,
  { left, top, cell }: { left: number; top: number; cell: number },
): void {
  const ratio = window.devicePixelRatio > 1 ? 2 : 1;
  const canvas = make('canvas', { width: columns.length * cell * ratio, height: rows.length * cell * ratio });
  canvas.style.left = `${left}px`;
  canvas.style.top = `${top}px`;
  canvas.style.width = `${columns.length * cell}px`;
  canvas.style.height = `${rows.length * cell}px`;
  const context = canvas.getContext('2d');
  context?.scale(ratio, ratio);
  for (const [row, line] of values.entries()) {
    for (const [column, value] of line.entries()) {
      if (!context) break;
      context.fillStyle = color(value);
      context.fillRect(column * cell, row * cell, cell - 1, cell - 1);
    }
  }
  stack.append(canvas);
}

function labelWidth(labels: readonly string[]): number {
  return Math.max(16, ...labels.map((label) => label.length * text * 0.62));
}

function cut(label: string, pixels: number): string {
  const letters = Math.max(2, Math.floor(pixels / (text * 0.62) + 0.01));
  return label.length > letters ? `${label.slice(0, letters - 1)}…` : label;
}
