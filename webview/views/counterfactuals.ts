/** What a position does, tested: the caption after an intervention, and what the old caption loses by it. */
import { format, max, range } from 'd3';
import type { CounterfactualsData, Intervention } from '@clipcap/protocol/lens';
import type { PickedImage } from '@clipcap/protocol/panel';
import { action, choice, line as textLine, slider, wholeNumber } from '../controls.js';
import { make } from '../make.js';
import { pointsTo } from '../pointing.js';
import { referenceControl } from '../reference.js';
import { roveFocus } from '../roving.js';
import type { Drawing, View } from './view.js';
import { drawWords, writeWords } from './words.js';

type Kind = Intervention['kind'];

export interface CounterfactualsOptions {
  /** None: a removal of every position. */
  readonly interventions: readonly Intervention[];
  readonly kind: Kind;
  readonly position: number;
  readonly word: string;
  readonly share: number;
  readonly factor: number;
  /** The other image of a swap or an interpolation; one or none. */
  readonly others: readonly PickedImage[];
}

const twoDigits = format('.2f');
const kinds: readonly (readonly [Kind, string])[] = [
  ['drop', 'remove a position'],
  ['mean-replace', 'replace a position by the mean'],
  ['swap', 'take a position from another image'],
  ['insert', 'insert a word'],
  ['interpolate', 'go towards another image'],
  ['scale', 'scale a position'],
];
const most = 100;

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

function drawControls(place: HTMLElement, drawing: Drawing<CounterfactualsOptions>): void {
  const { options, change, readOnly, pick, image } = drawing;
  if (readOnly) return;
  const { interventions, kind, position, word, share, factor, others } = options;
  const positions = image.result?.model.prefixLength ?? 1;
  const [other] = others;
  const takesImage = kind === 'swap' || kind === 'interpolate';
  const made = build(options);
  place.append(
    choice('Change', kinds, kind, (next) => {
      change({ kind: next });
    }),
  );
  if (kind !== 'interpolate') {
    place.append(
      wholeNumber('Position', Math.min(position, positions - 1), [0, positions - 1], (next) => {
        change({ position: next });
      }),
    );
  }
  if (kind === 'insert') {
    place.append(
      textLine('Word', word, 'for example: dog', (next) => {
        change({ word: next });
      }),
    );
  }
  if (kind === 'scale') {
    place.append(
      slider('Factor', factor, { low: -1, high: 4, step: 0.1 }, (next) => {
        change({ factor: next });
      }),
    );
  }
  if (kind === 'interpolate') {
    place.append(
      slider('Share', share, { low: 0, high: 1, step: 0.05 }, (next) => {
        change({ share: next });
      }),
    );
  }
  if (takesImage) {
    place.append(
      action(other ? `Other image: ${other.name}` : 'Choose the other image…', () => {
        void chooseOther(pick, change);
      }),
    );
  }
  if (kind === 'mean-replace') place.append(referenceControl(drawing, undefined));
  const add = action(
    'Add',
    () => {
      if (made && interventions.length < most) change({ interventions: [...interventions, made] });
    },
    'main',
  );
  add.disabled = made === undefined || interventions.length >= most;
  place.append(add);
  if (kind === 'insert') {
    const sweep = action('Try it at every position', () => {
      change({ interventions: range(Math.min(positions, most)).map((at) => ({ kind, position: at, word })) });
    });
    sweep.disabled = word === '';
    place.append(sweep);
  }
  if (kind === 'interpolate' && other) {
    place.append(
      action('Whole way in steps', () => {
        change({ interventions: range(0, 11).map((step) => ({ kind, other: other.uri, share: step / 10 })) });
      }),
    );
  }
  if (interventions.length > 0) {
    place.append(
      action('Importance of every position', () => {
        change({ interventions: [] });
      }),
    );
  }
}

async function chooseOther(
  pick: Drawing<CounterfactualsOptions>['pick'],
  change: Drawing<CounterfactualsOptions>['change'],
): Promise<void> {
  const [picked] = await pick('The other image', 'files');
  if (picked) change({ others: [picked] });
}

function build({ kind, position, word, share, factor, others }: CounterfactualsOptions): Intervention | undefined {
  const other = others[0]?.uri;
  switch (kind) {
    case 'drop':
    case 'mean-replace':
      return { kind, position };
    case 'swap':
      return other === undefined ? undefined : { kind, position, other };
    case 'insert':
      return word === '' ? undefined : { kind, position, word };
    case 'interpolate':
      return other === undefined ? undefined : { kind, other, share };
    case 'scale':
      break;
  }
  return { kind: 'scale', position, factor };
}

function drawResults(place: HTMLElement, data: CounterfactualsData, drawing: Drawing<CounterfactualsOptions>): void {
  const { options, change, highlights, onHighlight, readOnly } = drawing;
  const end = max(data.results, ({ change: by }) => Math.abs(by)) ?? 1;
  const rows = data.results.map(({ intervention, change: by, words }, index) => {
    const bar = make('span', { class: by < 0 ? 'signed less' : 'signed more', 'aria-hidden': 'true' }, make('span'));
    const fill = bar.firstElementChild;
    if (fill instanceof HTMLElement) fill.style.width = `${end > 0 ? (50 * Math.abs(by)) / end : 0}%`;
    const named = make('th', { scope: 'row' }, nameOf(intervention, options));
    if (!readOnly && options.interventions.length > 0) {
      const without = make(
        'button',
        { type: 'button', class: 'tool', 'aria-label': `Take out: ${nameOf(intervention, options)}` },
        '×',
      );
      without.addEventListener('click', () => {
        change({ interventions: options.interventions.filter((_, other) => other !== index) });
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
    make(
      'div',
      { class: 'scroll', tabindex: 0, role: 'group', 'aria-label': 'Results of the interventions' },
      make(
        'table',
        { class: 'rows' },
        make('caption', { class: 'visually-hidden' }, 'Interventions and what they change'),
        make(
          'thead',
          {},
          make(
            'tr',
            {},
            ...['change', 'bar', 'ln p of the old caption', 'what the model says then'].map((head) =>
              make('th', { scope: 'col' }, head),
            ),
          ),
        ),
        make('tbody', {}, ...rows),
      ),
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

function nameOf(intervention: Intervention, { others }: CounterfactualsOptions): string {
  const imageName = (uri: string): string => others.find((other) => other.uri === uri)?.name ?? fileName(uri);
  switch (intervention.kind) {
    case 'drop':
      return `without ${intervention.position}`;
    case 'mean-replace':
      return `${intervention.position} = mean`;
    case 'swap':
      return `${intervention.position} from ${imageName(intervention.other)}`;
    case 'insert':
      return `“${intervention.word}” at ${intervention.position}`;
    case 'interpolate':
      return `${format('.0%')(intervention.share)} ${imageName(intervention.other)}`;
    case 'scale':
      break;
  }
  return `${intervention.position} × ${twoDigits(intervention.factor)}`;
}

function fileName(uri: string): string {
  try {
    return decodeURIComponent(uri.slice(uri.lastIndexOf('/') + 1));
  } catch {
    return uri;
  }
}

function signed(value: number): string {
  return `${value > 0 ? '+' : value < 0 ? '−' : ''}${twoDigits(Math.abs(value))}`;
}
