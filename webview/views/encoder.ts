/** What the encoder itself would say, without the prefix and the language model. */
import { format, max } from 'd3';
import type { EncoderData } from '@clipcap/protocol/lens';
import { make } from '../make.js';
import type { View } from './view.js';

export const encoderView: View<'encoder', Record<string, never>> = {
  name: 'encoder',
  title: 'Encoder’s words',
  help: {
    shows: 'The classes that the encoder finds most probable: a plain reference for what the prefix could know.',
    computed:
      'The softmax of the class scores that the encoder gives beside its embedding; an encoder without classes has no words of its own, and CLIP’s text side is no part of a pack.',
    limits: 'The encoder may know more than its labels can say, and the prefix need not use what it knows.',
  },
  defaults: {},
  room: 380,
  params: () => ({}),
  draw(place, { labels }: EncoderData) {
    const most = max(labels, ({ probability }) => probability) ?? 1;
    const rows = labels.map(({ label, probability }) => {
      const bar = make('span', { class: 'across', 'aria-hidden': 'true' }, make('span'));
      const fill = bar.firstElementChild;
      if (fill instanceof HTMLElement) fill.style.width = `${most > 0 ? (100 * probability) / most : 0}%`;
      return make(
        'tr',
        {},
        make('th', { scope: 'row' }, label),
        make('td', { class: 'bar-cell' }, bar),
        make('td', { class: 'figure' }, format('.1%')(probability)),
      );
    });
    const heads = ['label', 'bar', 'probability'];
    place.append(
      make(
        'table',
        { class: 'rows narrow' },
        make('caption', { class: 'visually-hidden' }, 'Labels of the image embedding'),
        make('thead', {}, make('tr', {}, ...heads.map((head) => make('th', { scope: 'col' }, head)))),
        make('tbody', {}, ...rows),
      ),
    );
  },
  sheet: ({ labels }) => ({
    columns: ['label', 'probability'],
    rows: labels.map(({ label, probability }) => [label, probability]),
  }),
  isTable: true,
};
