/** The numbers behind a picture as a table: for screen readers, for eyes that prefer one, and for export as CSV. */
import { make } from './make.js';

type Cell = string | number;

export interface Sheet {
  readonly columns: readonly string[];
  /** The first cell of a row names it. */
  readonly rows: readonly (readonly Cell[])[];
}

export function drawSheet(caption: string, { columns, rows }: Sheet): HTMLTableElement {
  const head = make('tr', {}, ...columns.map((column) => make('th', { scope: 'col' }, column)));
  const body = rows.map((row) =>
    make(
      'tr',
      {},
      ...row.map((cell, index) =>
        index === 0 ? make('th', { scope: 'row' }, shown(cell)) : make('td', {}, shown(cell)),
      ),
    ),
  );
  return make(
    'table',
    { class: 'sheet' },
    make('caption', {}, caption),
    make('thead', {}, head),
    make('tbody', {}, ...body),
  );
}

/** RFC 4180; a text that a spreadsheet would run as a formula is quoted with an apostrophe. */
export function toCsv({ columns, rows }: Sheet): string {
  return [columns, ...rows].map((row) => row.map(field).join(',')).join('\r\n') + '\r\n';
}

function field(cell: Cell): string {
  if (typeof cell === 'number') return Number.isFinite(cell) ? String(cell) : '';
  const text = /^[=+\-@\t\r]/u.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function shown(cell: Cell): string {
  return typeof cell === 'string' || Number.isInteger(cell) ? String(cell) : cell.toFixed(4);
}
