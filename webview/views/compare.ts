/** This image beside others, beside another pack, beside another decoding; of many images, how alike their prefixes are. */
import { format } from 'd3';
import type { CaptionOptions } from '@clipcap/protocol/caption';
import { mostImages, type CompareData } from '@clipcap/protocol/lens';
import type { PanelImage, PickedImage, PickSource } from '@clipcap/protocol/panel';
import { action, choice, line as textLine } from '../controls.js';
import { make } from '../make.js';
import { drawLegend, drawMatrix, glyphs } from '../matrix.js';
import { diverging } from '../palette.js';
import { pointsTo } from '../pointing.js';
import { roveFocus } from '../roving.js';
import type { Drawing, View } from './view.js';
import { drawWords, writeWords } from './words.js';

interface CompareOptions {
  readonly others: readonly PickedImage[];
  readonly model: string;
  readonly decoding: keyof typeof decodings;
}

const decodings = {
  same: undefined,
  greedy: { strategy: 'greedy' },
  'beam 5': { strategy: 'beam', beams: 5 },
  sampled: { strategy: 'sample', temperature: 1, topP: 0.9, seed: 1 },
} as const satisfies Readonly<Record<string, CaptionOptions | undefined>>;

const twoDigits = format('.2f');
const percent = format('.0%');

export const compareView: View<'compare', CompareOptions> = {
  name: 'compare',
  title: 'Compare',
  help: {
    shows:
      'This image’s caption and prefix beside those of other images, of another pack, or of another decoding, with what differs marked.',
    computed:
      'Similarity is the cosine of whole prefixes; the collapse check compares the log-probability of each caption under its own prefix with that under another image’s.',
    limits: 'A handful of images says little about a model, and two captions may differ in words and agree in meaning.',
  },
  defaults: { others: [], model: '', decoding: 'same' },
  room: 300,
  params: ({ others, model, decoding }) => {
    const chosen = decodings[decoding];
    if (others.length === 0 && model === '' && chosen === undefined) return undefined;
    return {
      ...(others.length === 0 ? {} : { others: others.map(({ uri }) => uri) }),
      ...(model === '' ? {} : { model }),
      ...(chosen === undefined ? {} : { decoding: chosen }),
    };
  },
  controls(line, { options, change, readOnly, pick, image }) {
    if (readOnly) return;
    const names = Object.keys(decodings).filter(isDecoding);
    line.append(
      action('Choose images…', () => {
        void choose('files', image, pick, change);
      }),
      action('Choose folder…', () => {
        void choose('folder', image, pick, change);
      }),
      textLine('Another pack', options.model, 'its name or folder', (model) => {
        change({ model, others: [], decoding: 'same' });
      }),
      choice(
        'Another decoding',
        names.map((name) => [name, name === 'same' ? 'none' : name] as const),
        options.decoding,
        (decoding) => {
          change({ decoding, others: [], model: '' });
        },
      ),
    );
    if (options.others.length > 0 || options.model !== '' || options.decoding !== 'same') {
      line.append(
        action('Clear', () => {
          change({ others: [], model: '', decoding: 'same' });
        }),
      );
    }
  },
  idle(place) {
    place.append(
      make(
        'p',
        { class: 'empty' },
        `Nothing to compare with yet. Choose up to ${mostImages} other images, another pack or another decoding above.`,
      ),
    );
  },
  draw(place, data, drawing) {
    drawItems(place, data, drawing);
    if (data.collapse) drawCollapse(place, data.collapse);
    if (data.shared && data.shared.length > 0) drawShared(place, data.shared, drawing);
    if (data.similarity && data.items.length > 1) drawSimilarity(place, data, data.similarity, drawing);
  },
  sheet: ({ items, words, similarity }) => ({
    columns: [
      'image',
      'caption',
      'against the first',
      'score',
      ...(similarity ? items.map(({ label }) => `cosine with ${label}`) : []),
    ],
    rows: items.map(({ label, caption }, index) => [
      label,
      caption.text,
      writeWords(words[index] ?? []),
      caption.score,
      ...(similarity ? items.map((_, other) => between(similarity, index, other)) : []),
    ]),
  }),
};

function drawItems(place: HTMLElement, data: CompareData, { options, image }: Drawing<CompareOptions>): void {
  const sources = new Map([image, ...options.others].map(({ uri, source }) => [uri, source]));
  const cards = data.items.map(({ label, uri, caption, nearest }, index) => {
    const source = sources.get(uri);
    const picture = make('div', { class: 'thumb', hidden: source === undefined });
    const words = data.words[index] ?? [];
    if (source !== undefined) {
      const photo = make('img', { src: source, alt: '' });
      photo.addEventListener('error', () => {
        picture.hidden = true;
      });
      picture.append(photo);
    }
    return make(
      'li',
      { class: 'item' },
      picture,
      make(
        'div',
        {},
        make('p', { class: 'quiet file', title: label }, fileName(label)),
        make('p', { class: 'said' }, index === 0 || words.length === 0 ? caption.text : drawWords(words)),
        make('p', { class: 'quiet small' }, `confidence ${twoDigits(Math.exp(caption.score))}`),
        ...(nearest.length === 0
          ? []
          : [make('p', { class: 'quiet small' }, `nearest: ${nearest.map(({ text }) => glyphs(text)).join(' ')}`)]),
      ),
    );
  });
  place.append(make('ul', { class: 'items', tabindex: 0, 'aria-label': 'What is compared' }, ...cards));
}

function drawCollapse(
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

function drawShared(
  place: HTMLElement,
  shared: NonNullable<CompareData['shared']>,
  { highlights, onHighlight }: Drawing<CompareOptions>,
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

function drawSimilarity(
  place: HTMLElement,
  { items, clusters }: CompareData,
  similarity: readonly (readonly number[])[],
  drawing: Drawing<CompareOptions>,
): void {
  const order = clusters?.order ?? items.map((_, index) => index);
  const labelOf = (index: number): string => fileName(items[order[index] ?? 0]?.label ?? '');
  const values = order.map((row) => order.map((column) => between(similarity, row, column)));
  const color = diverging(drawing.palette, 1);
  place.append(make('h3', {}, 'How alike the prefixes are'));
  drawLegend(
    place,
    [-1, 1],
    color,
    clusters ? 'cosine of whole prefixes; like stands beside like' : 'cosine of whole prefixes',
    twoDigits,
  );
  drawMatrix(
    place,
    {
      label: 'Similarity of prefixes',
      rows: values.map((_, index) => labelOf(index)),
      columns: values.map((_, index) => labelOf(index)),
      values,
      color,
      describe: (row, column) => {
        const groups = [row, column].map((index) => clusters?.cluster[order[index] ?? 0]);
        return [
          `${labelOf(row)} and ${labelOf(column)}`,
          `cosine ${format('.4f')(values[row]?.[column] ?? 0)}`,
          ...(clusters
            ? [groups[0] === groups[1] ? `both in cluster ${groups[0]}` : `clusters ${groups.join(' and ')}`]
            : []),
        ];
      },
      number: twoDigits,
    },
    drawing,
  );
}

/** A cosine of the lower triangle that is sent. */
function between(similarity: readonly (readonly number[])[], row: number, column: number): number {
  return similarity[Math.max(row, column)]?.[Math.min(row, column)] ?? Number.NaN;
}

function fileName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}

async function choose(
  from: PickSource,
  image: PanelImage,
  pick: Drawing<CompareOptions>['pick'],
  change: Drawing<CompareOptions>['change'],
): Promise<void> {
  const picked = await pick('Images to compare with', from);
  // A folder often holds the image itself.
  const others = from === 'folder' ? picked.filter(({ uri }) => uri !== image.uri) : picked;
  if (others.length > 0) change({ others, model: '', decoding: 'same' });
}

function isDecoding(name: string): name is CompareOptions['decoding'] {
  return name in decodings;
}
