/** The caption token by token: how likely each was, what else could have stood there, and what follows if it does. */
import { format } from 'd3';
import type { TokensData } from '@clipcap/protocol/lens';
import { action, wholeNumber } from '../controls.js';
import { make } from '../make.js';
import { pointsTo } from '../pointing.js';
import { roveFocus } from '../roving.js';
import { barCell, rowsTable } from '../rows.js';
import { glyphs, spokenToken } from '../token.js';
import type { Drawing, View } from './view.js';

interface TokensOptions {
  readonly alternatives: number;
  /** Which token's alternatives are shown. */
  readonly chosen: number;
  /** A token put at a place; an index below 0: none. */
  readonly force: { readonly index: number; readonly token: number };
}

const threeDigits = format('.3f');
const twoDigits = format('.2f');
const none = { index: -1, token: 0 };

export const tokensView: View<'tokens', TokensOptions> = {
  name: 'tokens',
  title: 'Caption tokens',
  help: {
    shows:
      'How likely the model found each token of its caption, how undecided it was there, and what it would have said instead.',
    computed:
      'Probabilities are those of the full softmax at the step that produced the token; entropy is −Σ p ln p of it, in nats. “Force” puts another token there and decodes again from that place.',
    limits: 'A likely token is a fluent one, not a true one: the model is as sure of its mistakes as of what it sees.',
  },
  defaults: { alternatives: 10, chosen: 0, force: none },
  ofCaption: ['chosen', 'force'],
  room: 420,
  params: ({ alternatives, force }) => (force.index < 0 ? { alternatives } : { alternatives, force }),
  controls(line, { options, change, readOnly }) {
    if (readOnly) return;
    line.append(
      wholeNumber('Alternatives', options.alternatives, [1, 50], (alternatives) => {
        change({ alternatives });
      }),
    );
    if (options.force.index >= 0) {
      line.append(
        action('Back to the model’s own caption', () => {
          change({ force: none });
        }),
      );
    }
  },
  draw(place, data, drawing) {
    place.append(make('p', { class: 'said' }, data.caption.text));
    drawStrip(place, data, drawing);
    drawAlternatives(place, data, drawing);
  },
  sheet: ({ tokens }) => ({
    columns: [
      'index',
      'token',
      'id',
      'log-probability',
      'entropy',
      ...(tokens[0]?.alternatives ?? []).flatMap((_, rank) => [
        `alternative ${rank + 1}`,
        `log-probability ${rank + 1}`,
      ]),
    ],
    rows: tokens.map(({ text, id, logProb, entropy, alternatives }, index) => [
      index,
      text,
      id,
      logProb,
      entropy,
      ...alternatives.flatMap((other) => [other.text, other.logProb]),
    ]),
  }),
};

function drawStrip(place: HTMLElement, data: TokensData, drawing: Drawing<TokensOptions>): void {
  const { options, change, tooltip, highlights, onHighlight } = drawing;
  const chosen = Math.min(options.chosen, data.tokens.length - 1);
  const cells = data.tokens.map(({ id, text, logProb, entropy }, index) => {
    const bar = make('span', { class: 'upright', 'aria-hidden': 'true' }, make('span'));
    const fill = bar.firstElementChild;
    if (fill instanceof HTMLElement) fill.style.height = `${Math.max(1, Math.round(44 * Math.exp(logProb)))}px`;
    const cell = make(
      'button',
      {
        type: 'button',
        class: 'token-cell',
        'aria-pressed': String(index === chosen),
        'data-control': `token ${index}`,
      },
      bar,
      make('span', { class: 'token-text', 'aria-hidden': 'true' }, glyphs(text)),
      make('span', { class: 'visually-hidden' }, spokenToken(text)),
      make('span', { class: 'quiet figure' }, `ln p ${twoDigits(logProb)}`),
      make('span', { class: 'quiet figure' }, `H ${twoDigits(entropy)}`),
    );
    if (index === options.force.index) cell.classList.add('forced');
    const lines = (): readonly string[] => [
      `${JSON.stringify(text)}  token ${id}`,
      `probability ${threeDigits(Math.exp(logProb))} (log ${twoDigits(logProb)})`,
      `entropy ${twoDigits(entropy)} nats: as if ${Math.max(1, Math.round(Math.exp(entropy)))} tokens were equally likely`,
    ];
    pointsTo(cell, { token: index }, highlights, { tooltip, lines });
    cell.addEventListener('click', () => {
      change({ chosen: index });
    });
    return cell;
  });
  place.append(
    make('div', { class: 'strip', role: 'group', 'aria-label': 'Tokens of the caption' }, ...cells),
    make(
      'p',
      { class: 'legend quiet' },
      'Bar: probability · ln p: log-probability · H: entropy in nats · choose a token for its alternatives',
    ),
  );
  roveFocus(
    cells,
    (key, index) => (key === 'ArrowRight' ? cells[index + 1] : key === 'ArrowLeft' ? cells[index - 1] : undefined),
    cells[chosen],
  );
  onHighlight(({ token }) => {
    for (const [index, cell] of cells.entries()) cell.classList.toggle('lit', index === token);
  });
}

function drawAlternatives(
  place: HTMLElement,
  data: TokensData,
  { options, change, readOnly }: Drawing<TokensOptions>,
): void {
  const index = Math.min(options.chosen, data.tokens.length - 1);
  const token = data.tokens[index];
  if (!token) return;
  const most = Math.max(...token.alternatives.map(({ logProb }) => Math.exp(logProb)), Math.exp(token.logProb));
  const rows = token.alternatives.map(({ id, text, logProb }) => {
    const probability = Math.exp(logProb);
    const own = id === token.id;
    const last = make('td', { class: 'act' });
    if (own) last.append(make('span', { class: 'quiet' }, 'in the caption'));
    else if (!readOnly) {
      const name = `Force “${text.trim()}”`;
      const force = action(name, () => {
        change({ force: { index, token: id } });
      });
      // Which one is seen in its row already, but not heard.
      force.textContent = 'Force';
      force.setAttribute('aria-label', name);
      last.append(force);
    }
    return make(
      'tr',
      own ? { class: 'first' } : {},
      make('th', { scope: 'row' }, glyphs(text)),
      barCell(probability / most),
      make('td', { class: 'figure' }, threeDigits(probability)),
      make('td', { class: 'figure quiet' }, twoDigits(logProb)),
      last,
    );
  });
  const heads = ['token', 'bar', 'probability', 'ln p', 'instead'];
  place.append(
    rowsTable(make('caption', {}, `Instead of “${token.text.trim()}”, at place ${index}`), heads, rows, 'narrow'),
  );
}
