/** What the encoder itself would say, without the prefix and the language model. */
import { format, max } from 'd3';
import type { EncoderData } from '@clipcap/protocol/lens';
import { make } from '../make.js';
import { barCell, rowsTable } from '../rows.js';
import type { View } from './view.js';

const percent = format('.1%');
const count = format(',');

export const encoderView: View<'encoder', Record<string, never>> = {
  name: 'encoder',
  title: 'Encoder’s words',
  help: {
    shows:
      'The labels that the encoder finds most probable: the classes of a classifier, or words that CLIP compares with the image. A plain reference for what the prefix could know.',
    computed:
      'Of a classifier the softmax of its class scores; of CLIP the cosine of the image’s embedding with that of “a photo of a …”, times CLIP’s scale, through a softmax over the labels that the pack was imported with.',
    limits:
      'Probabilities are shares among these labels only: something is always most probable, even if no label fits, and one that fits may not be in the list. The prefix need not use what the encoder knows.',
  },
  defaults: {},
  room: 380,
  params: () => ({}),
  draw(place, data: EncoderData) {
    const { labels } = data;
    const most = max(labels, ({ probability }) => probability) ?? 1;
    const hasCosines = data.of === 'texts';
    const rows = labels.map(({ label, probability, cosine }) => {
      return make(
        'tr',
        {},
        make('th', { scope: 'row' }, label),
        barCell(most > 0 ? probability / most : 0),
        make('td', { class: 'figure' }, percent(probability)),
        ...(hasCosines ? [make('td', { class: 'figure' }, cosine === undefined ? '' : format('.3f')(cosine))] : []),
      );
    });
    const heads = ['label', 'bar', 'probability', ...(hasCosines ? ['cosine'] : [])];
    place.append(
      make('p', { class: 'said quiet' }, comparedWith(data)),
      rowsTable(make('caption', { class: 'visually-hidden' }, 'Labels of the image embedding'), heads, rows, 'narrow'),
    );
  },
  sheet: ({ labels, of }) => ({
    columns: ['label', 'probability', ...(of === 'texts' ? ['cosine'] : [])],
    rows: labels.map(({ label, probability, cosine }) => [
      label,
      probability,
      ...(cosine === undefined ? [] : [cosine]),
    ]),
  }),
  isTable: true,
};

function comparedWith({ of, among, labels, prompt = '', scale = 0 }: EncoderData): string {
  const shown = `The ${count(labels.length)} most probable of ${count(among)}`;
  return of === 'classes'
    ? `${shown} classes that the encoder was trained to tell apart.`
    : `${shown} labels, each compared with the image as “${prompt.replace('{}', '[label]')}”; cosines times ${format('.4~r')(scale)}.`;
}
