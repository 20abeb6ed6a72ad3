/** What a position does, tested: the caption after an intervention, and what the old caption loses by it. */
import { format, max } from 'd3';
import type { CounterfactualsData, Intervention } from '@clipcap/protocol/lens';
import { make } from '../make.js';
import { pointsTo } from '../pointing.js';
import { roveFocus } from '../roving.js';
import { rowsTable } from '../rows.js';
import { drawControls, nameOf, type CounterfactualsOptions } from './interventions.js';
import type { Drawing, View } from './view.js';
import { drawWords, writeWords } from './words.js';

const twoDigits = format('.2f');

export const counterfactualsView: View<'counterfactuals', CounterfactualsOptions> = {
  name: 'counterfactuals',
  title: 'Counterfactuals',
  help: {
    shows:
      'What the model says when the prefix is changed, and how much less likely that makes its own caption. At first: every position is removed once.',
    computed:
      'The change is that of the old caption’s log-probability, summed over its tokens with the old caption given, new − old, in nats; all interventions run as one batch.',
    limits:
      'It shows that a position matters to this model and this caption; a change may also come from a prefix that the model never saw in training.',
  },
  defaults: { interventions: [], kind: 'drop', position: 0, word: '', share: 0.5, factor: 2, others: [] },
  room: 460,
  usesReference: true,
  params: ({ interventions }) => (interventions.length === 0 ? {} : { interventions }),
  controls: drawControls,
  draw: drawResults,
  sheet: ({ results }, options) => ({
    columns: ['intervention', 'change of log-probability', 'new caption', 'words'],
    rows: results.map(({ intervention, change, caption, words }) => [
      nameOf(intervention, options),
      change,
      caption.text,
      writeWords(words),
    ]),
  }),
  isTable: true,
};

function drawResults(place: HTMLElement, data: CounterfactualsData, drawing: Drawing<CounterfactualsOptions>): void {
  const { options, change, highlights, onHighlight, readOnly } = drawing;
  const end = max(data.results, ({ change: by }) => Math.abs(by)) ?? 1;
  const rows = data.results.map(({ intervention, change: by, words }) => {
    const bar = make('span', { class: by < 0 ? 'signed less' : 'signed more', 'aria-hidden': 'true' }, make('span'));
    const fill = bar.firstElementChild;
    if (fill instanceof HTMLElement) fill.style.width = `${end > 0 ? (50 * Math.abs(by)) / end : 0}%`;
    const named = make('th', { scope: 'row' }, nameOf(intervention, options));
    // The results may still be those of earlier options.
    const at = options.interventions.findIndex((chosen) => isSame(chosen, intervention));
    if (!readOnly && at >= 0) {
      const without = make(
        'button',
        { type: 'button', class: 'tool', 'aria-label': `Take out: ${nameOf(intervention, options)}` },
        '×',
      );
      without.addEventListener('click', () => {
        change({ interventions: options.interventions.filter((_, index) => index !== at) });
      });
      named.append(' ', without);
    }
    const row = make(
      'tr',
      {},
      named,
      make('td', { class: 'bar-cell' }, bar),
      make('td', { class: 'figure' }, signed(by)),
      make('td', { class: 'said' }, drawWords(words)),
    );
    const position = positionOf(intervention);
    if (position !== undefined) pointsTo(row, { position }, highlights);
    return row;
  });
  roveFocus(rows, (key, index) =>
    key === 'ArrowDown' ? rows[index + 1] : key === 'ArrowUp' ? rows[index - 1] : undefined,
  );
  place.append(
    make('p', { class: 'said' }, make('span', { class: 'quiet' }, 'Caption: '), data.caption.text),
    rowsTable(
      make('caption', { class: 'visually-hidden' }, 'Interventions and what they change'),
      ['change', 'bar', 'ln p of the old caption', 'what the model says then'],
      rows,
      'wide',
    ),
    make(
      'p',
      { class: 'legend quiet' },
      'Orange, to the left: the old caption becomes less likely, so the position carried it. Blue: more likely.',
    ),
  );
  onHighlight(({ position }) => {
    for (const [index, row] of rows.entries()) {
      const intervention = data.results[index]?.intervention;
      row.classList.toggle(
        'lit',
        position !== undefined && intervention !== undefined && positionOf(intervention) === position,
      );
    }
  });
}

function positionOf(intervention: Intervention): number | undefined {
  return 'position' in intervention ? intervention.position : undefined;
}

/** An answer repeats interventions as they were asked, the order of their fields included. */
function isSame(one: Intervention, other: Intervention): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function signed(value: number): string {
  return `${value > 0 ? '+' : value < 0 ? '−' : ''}${twoDigits(Math.abs(value))}`;
}
