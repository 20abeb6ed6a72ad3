/** This image beside others, beside another pack, beside another decoding; of many images, how alike their prefixes are. */
import type { CaptionOptions } from '@clipcap/protocol/caption';
import { mostImages } from '@clipcap/protocol/lens';
import type { PickedImage, PickSource } from '@clipcap/protocol/panel';
import { action, choice, line as textLine } from '../controls.js';
import { make } from '../make.js';
import { drawCollapse, drawShared } from './collapse.js';
import { drawItems } from './items.js';
import { cosineOf, drawSimilarity } from './similarity.js';
import type { Drawing, Shown, View } from './view.js';
import { writeWords } from './words.js';

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
  controls(line, { options, change, readOnly, pick, pickPack, image }) {
    if (readOnly) return;
    const names = Object.keys(decodings).filter(isDecoding);
    line.append(
      action('Choose images…', () => {
        void choose('files', image, pick, change);
      }),
      action('Choose folder…', () => {
        void choose('folder', image, pick, change);
      }),
      action('Choose pack…', () => {
        void choosePack(pickPack, change);
      }),
      textLine('Another pack', options.model, 'its folder, or builtin', (model) => {
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
  sheet: ({ items, words, similarity, clusters }) => ({
    columns: [
      'image',
      'caption',
      'against the first',
      'score',
      ...(clusters ? ['cluster'] : []),
      ...(similarity ? items.map(({ label }) => `cosine with ${label}`) : []),
    ],
    rows: items.map(({ label, caption }, index) => [
      label,
      caption.text,
      writeWords(words[index] ?? []),
      caption.score,
      ...(clusters ? [clusters.cluster[index] ?? ''] : []),
      ...(similarity ? items.map((_, other) => cosineOf(similarity, index, other)) : []),
    ]),
  }),
};

async function choose(
  from: PickSource,
  image: Shown,
  pick: Drawing<CompareOptions>['pick'],
  change: Drawing<CompareOptions>['change'],
): Promise<void> {
  const picked = await pick('Images to compare with', from);
  // A folder often holds the image itself.
  const others = from === 'folder' ? picked.filter(({ uri }) => uri !== image.uri) : picked;
  if (others.length > 0) change({ others, model: '', decoding: 'same' });
}

async function choosePack(
  pickPack: Drawing<CompareOptions>['pickPack'],
  change: Drawing<CompareOptions>['change'],
): Promise<void> {
  const model = await pickPack('The folder of the pack to compare with');
  if (model !== '') change({ model, others: [], decoding: 'same' });
}

function isDecoding(name: string): name is CompareOptions['decoding'] {
  return name in decodings;
}
