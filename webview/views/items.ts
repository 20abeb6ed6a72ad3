/** What is compared, card by card: a small picture, the caption with what differs from the first one's, the nearest words. */
import { format } from 'd3';
import type { CompareData } from '@clipcap/protocol/lens';
import { make } from '../make.js';
import { glyphs } from '../token.js';
import type { Drawing } from './view.js';
import { drawWords } from './words.js';

const twoDigits = format('.2f');

export function drawItems<Options>(
  place: HTMLElement,
  data: CompareData,
  { image, thumbnail }: Drawing<Options>,
): void {
  const list = make('ul', { class: 'items', tabindex: 0, 'aria-label': 'What is compared' });
  const whenSeen = new Map<Element, () => void>();
  // Of two hundred pictures only those that are scrolled to are made.
  const seen = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        seen.unobserve(target);
        whenSeen.get(target)?.();
      }
    },
    { rootMargin: '200px' },
  );
  for (const [index, { label, uri, caption, nearest }] of data.items.entries()) {
    const picture = make('div', { class: 'thumb' });
    const show = (source: string): void => {
      const photo = make('img', { src: source, alt: '' });
      photo.addEventListener('error', () => {
        picture.hidden = true;
      });
      picture.append(photo);
    };
    if (uri === image.uri) show(image.source);
    else {
      whenSeen.set(picture, () => {
        thumbnail(uri).then(show, () => {
          picture.hidden = true;
        });
      });
      seen.observe(picture);
    }
    const words = data.words[index] ?? [];
    const card = make(
      'li',
      { class: 'item' },
      picture,
      make(
        'div',
        {},
        make('p', { class: 'quiet file', title: label }, fileName(label)),
        make('p', { class: 'said' }, index === 0 || words.length === 0 ? caption.text : drawWords(words)),
        make(
          'p',
          { class: 'quiet small' },
          `confidence ${twoDigits(Math.exp(caption.score))}`,
          data.clusters ? ` · cluster ${data.clusters.cluster[index]}` : '',
        ),
        ...(nearest.length === 0
          ? []
          : [make('p', { class: 'quiet small' }, `nearest: ${nearest.map(({ text }) => glyphs(text)).join(' ')}`)]),
      ),
    );
    list.append(card);
  }
  place.append(list);
}

/** The last part of a path, of whatever system it is. */
export function fileName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}
