/** Interventions as the user makes them: what a change is called, and the controls that make one. */
import { format, range } from 'd3';
import type { Intervention } from '@clipcap/protocol/lens';
import type { PickedImage } from '@clipcap/protocol/panel';
import { action, choice, line as textLine, slider, wholeNumber } from '../controls.js';
import { referenceControl } from '../reference.js';
import type { Drawing } from './view.js';

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

const kinds: readonly (readonly [Kind, string])[] = [
  ['drop', 'remove a position'],
  ['mean-replace', 'replace a position by the mean'],
  ['swap', 'take a position from another image'],
  ['insert', 'insert a word'],
  ['interpolate', 'go towards another image'],
  ['scale', 'scale a position'],
];
const most = 100;

export function drawControls(place: HTMLElement, drawing: Drawing<CounterfactualsOptions>): void {
  const { options, change, readOnly, pick, image } = drawing;
  if (readOnly) return;
  const { interventions, kind, position, word, share, factor, others } = options;
  const positions = image.result?.model.prefixLength ?? 1;
  // A word may also come after the last position.
  const last = kind === 'insert' ? positions : positions - 1;
  const [other] = others;
  const takesImage = kind === 'swap' || kind === 'interpolate';
  const made = build({ ...options, position: Math.min(position, last) });
  place.append(
    choice('Change', kinds, kind, (next) => {
      change({ kind: next });
    }),
  );
  if (kind !== 'interpolate') {
    place.append(
      wholeNumber('Position', Math.min(position, last), [0, last], (next) => {
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
      const places = range(Math.min(last + 1, most));
      change({ interventions: places.map((at) => ({ kind, position: at, word })) });
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

export function nameOf(intervention: Intervention, { others }: CounterfactualsOptions): string {
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
  return `${intervention.position} × ${format('.2f')(intervention.factor)}`;
}

function fileName(uri: string): string {
  try {
    return decodeURIComponent(uri.slice(uri.lastIndexOf('/') + 1));
  } catch {
    return uri;
  }
}
