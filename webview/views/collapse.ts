/** Whether a model says the same of every image: the collapse check, and what is nearest for most of the images. */
import { format } from 'd3';
import type { CompareData } from '@clipcap/protocol/lens';
import { make } from '../make.js';
import { pointsTo } from '../pointing.js';
import { roveFocus } from '../roving.js';
import { glyphs } from '../token.js';
import type { Drawing } from './view.js';

const twoDigits = format('.2f');
const percent = format('.0%');

export function drawCollapse(
  place: HTMLElement,
  { diversity, variance, own, shuffled }: NonNullable<CompareData['collapse']>,
): void {
  const facts: readonly (readonly [string, string, string])[] = [
    [
      'different captions',
      percent(diversity),
      'of the images have a caption of their own; near 0 the model says the same of everything',
    ],
    [
      'between-image variance',
      twoDigits(variance),
      'of the prefix, as a share of its squared norm; near 0 the prefix ignores the image',
    ],
    ['own prefix', twoDigits(own), 'mean log-probability of a token of the caption, under its own image’s prefix'],
    [
      'another’s prefix',
      twoDigits(shuffled),
      'the same under the next image’s; as high as its own means that the image does not matter',
    ],
  ];
  place.append(
    make('h3', {}, 'Does the model look at the image? (collapse check)'),
    make(
      'dl',
      { class: 'measures' },
      ...facts.map(([term, value, meaning]) =>
        make('div', {}, make('dt', {}, term), make('dd', {}, make('strong', {}, value), ` ${meaning}`)),
      ),
    ),
  );
}

export function drawShared<Options>(
  place: HTMLElement,
  shared: NonNullable<CompareData['shared']>,
  { highlights, onHighlight }: Drawing<Options>,
): void {
  const chips = shared.map(({ id, text, position, share }) => {
    const chip = make('span', { class: 'chip', role: 'button' }, `${position}: ${glyphs(text)}`);
    chip.append(make('span', { class: 'quiet' }, ` ${percent(share)}`));
    pointsTo(chip, { position, word: id }, highlights);
    return chip;
  });
  roveFocus(chips, (key, index) =>
    key === 'ArrowRight' ? chips[index + 1] : key === 'ArrowLeft' ? chips[index - 1] : undefined,
  );
  onHighlight(({ position, word }) => {
    for (const [index, chip] of chips.entries()) {
      chip.classList.toggle('same', shared[index]?.position === position || shared[index]?.id === word);
    }
  });
  place.append(
    make('h3', {}, 'Nearest at the same position for most of the images'),
    make('p', { class: 'chips' }, ...chips.flatMap((chip) => [chip, ' '])),
  );
}
