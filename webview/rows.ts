/** Tables of bars: what several views list from the largest to the smallest. */
import { make } from './make.js';

/** The heading that only screen readers need: that bars stand in a column is seen. */
const ofBars = 'bar';

/** A table in a box of its own, which scrolls sideways where the panel is narrower than the table. */
export function rowsTable(
  caption: HTMLTableCaptionElement,
  heads: readonly string[],
  rows: readonly HTMLTableRowElement[],
  width: 'narrow' | 'wide',
): HTMLElement {
  const head = heads.map((text) =>
    make('th', { scope: 'col' }, text === ofBars ? make('span', { class: 'visually-hidden' }, text) : text),
  );
  return make(
    'div',
    { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': caption.textContent },
    make(
      'table',
      { class: width === 'narrow' ? 'rows narrow' : 'rows' },
      caption,
      make('thead', {}, make('tr', {}, ...head)),
      make('tbody', {}, ...rows),
    ),
  );
}

/** A cell with a bar; `share` of its width, from 0 to 1. */
export function barCell(share: number): HTMLTableCellElement {
  const fill = make('span');
  fill.style.width = `${100 * share}%`;
  return make('td', { class: 'bar-cell' }, make('span', { class: 'across', 'aria-hidden': 'true' }, fill));
}
