/** What the language model would say after each block, at every prefix position and caption token. */
import { format } from 'd3';
import type { TokenScore } from '@clipcap/protocol/caption';
import type { LogitLensData } from '@clipcap/protocol/lens';
import { tick, wholeNumber } from '../controls.js';
import { make } from '../make.js';
import type { Highlight } from '../highlights.js';
import { readable, sequential } from '../palette.js';
import { pointsTo } from '../pointing.js';
import { roveFocus } from '../roving.js';
import { glyphs } from '../token.js';
import type { Drawing, View } from './view.js';

interface LogitLensOptions {
  readonly norm: boolean;
  readonly top: number;
}

const percent = format('.1%');

export const logitLensView: View<'lens', LogitLensOptions> = {
  name: 'lens',
  title: 'Logit lens',
  help: {
    shows:
      'The token that the language model would say next if it stopped after each block, at every prefix position and token; darker is surer.',
    computed:
      'The state after a block goes through the final layer norm (unless switched off) and the output head; row 0 are the embeddings themselves, the last row is the real prediction.',
    limits:
      'Early blocks were never trained to be read this way: an odd word there says little about what the model “thinks”.',
  },
  defaults: { norm: true, top: 5 },
  room: 480,
  params: ({ norm, top }) => ({ norm, top }),
  controls(line, { options, change, readOnly }) {
    if (readOnly) return;
    line.append(
      tick('Final layer norm', options.norm, (norm) => {
        change({ norm });
      }),
      wholeNumber('Tokens in a tip', options.top, [1, 20], (top) => {
        change({ top });
      }),
    );
  },
  draw: drawGrid,
  sheet: ({ columns, cells }) => ({
    columns: ['after block', ...columns.map(nameOf)],
    rows: cells.map((row, layer) => [layer, ...row.map((top) => told(top))]),
  }),
  isTable: true,
};

function drawGrid(place: HTMLElement, data: LogitLensData, drawing: Drawing<LogitLensOptions>): void {
  const { palette, tooltip, highlights, onHighlight } = drawing;
  const color = sequential(palette, 1);
  const prefix = data.columns.filter(({ kind }) => kind === 'prefix').length;
  const highlightOf = (column: number): Highlight =>
    column < prefix ? { position: column } : { token: column - prefix };
  const heads = data.columns.map((column) =>
    make(
      'th',
      { scope: 'col', class: `of-${column.kind}` },
      make('span', { class: 'visually-hidden' }, column.kind === 'prefix' ? 'position ' : 'after '),
      column.kind === 'prefix' ? column.text : glyphs(column.text),
    ),
  );
  const cells: HTMLElement[] = [];
  const rows = data.cells.map((row, layer) =>
    make(
      'tr',
      {},
      make('th', { scope: 'row' }, layer === 0 ? 'in' : String(layer)),
      ...row.map((top, column) => {
        const [best] = top;
        const cell = make('td', { class: 'guess' }, best ? glyphs(best.text) : '');
        const ground = color(best ? Math.exp(best.logProb) : 0);
        cell.style.backgroundColor = ground;
        cell.style.color = readable(ground, palette);
        const where = data.columns[column];
        const lines = (): readonly string[] => [
          `${where ? nameOf(where) : ''}, ${layer === 0 ? 'the embeddings' : `after block ${layer}`}`,
          ...top.map(({ text, logProb }) => `${percent(Math.exp(logProb))}  ${JSON.stringify(text)}`),
        ];
        pointsTo(cell, highlightOf(column), highlights, { tooltip, lines });
        cells.push(cell);
        return cell;
      }),
    ),
  );
  const table = make(
    'table',
    { class: 'guesses' },
    make('caption', { class: 'visually-hidden' }, 'Likeliest next token after each block'),
    make(
      'thead',
      {},
      make(
        'tr',
        {},
        make('td', {}),
        make('th', { scope: 'colgroup', colspan: prefix }, 'prefix position'),
        ...(data.columns.length > prefix
          ? [
              make(
                'th',
                { scope: 'colgroup', colspan: data.columns.length - prefix, class: 'of-token' },
                'after the caption’s token',
              ),
            ]
          : []),
      ),
      make('tr', {}, make('th', { scope: 'col' }, 'block'), ...heads),
    ),
    make('tbody', {}, ...rows),
  );
  place.append(make('div', { class: 'scroll' }, table));
  const width = data.columns.length;
  const steps: Readonly<Record<string, number>> = { ArrowUp: -width, ArrowDown: width, ArrowLeft: -1, ArrowRight: 1 };
  roveFocus(cells, (key, index) => {
    const step = steps[key];
    const leavesRow =
      Math.abs(step ?? 0) === 1 && Math.floor((index + (step ?? 0)) / width) !== Math.floor(index / width);
    return step === undefined || leavesRow ? undefined : cells[index + step];
  });
  onHighlight(({ position, token }) => {
    for (const [column, head] of heads.entries()) {
      const lit = column < prefix ? column === position : column - prefix === token;
      head.classList.toggle('lit', lit);
    }
  });
}

function nameOf({ kind, text }: LogitLensData['columns'][number]): string {
  return kind === 'prefix' ? `position ${text}` : `after ${JSON.stringify(text)}`;
}

function told(top: readonly TokenScore[]): string {
  return top.map(({ text, logProb }) => `${JSON.stringify(text)} ${percent(Math.exp(logProb))}`).join(' ');
}
