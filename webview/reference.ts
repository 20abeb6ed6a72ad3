/** The images that stand for "every image": those of the pack, or a folder or files that the user chooses, for all views. */
import type { PickedImage, PickSource } from '@clipcap/protocol/panel';
import { action } from './controls.js';
import { make } from './make.js';
import type { Drawing } from './views/view.js';

const title = 'Images that stand for “every image”';

type Known = { readonly images: number; readonly source: 'pack' | 'images' } | 'none' | undefined;

/** @param known what the data say of the set that was used, if it is known by now */
export function referenceControl(
  { reference, refer, pick }: Pick<Drawing<object>, 'reference' | 'refer' | 'pick'>,
  known: Known,
): HTMLElement {
  const choose = async (from: PickSource): Promise<void> => {
    const images = await pick(title, from);
    if (images.length > 0) refer(images);
  };
  const line = make('span', { class: 'control' }, make('span', {}, `“Every image”: ${wordsFor(reference, known)}`));
  line.append(
    action('Choose images…', () => void choose('files')),
    action('Choose folder…', () => void choose('folder')),
  );
  if (reference.length > 0) line.append(action('Reset', () => refer([])));
  return line;
}

function wordsFor(reference: readonly PickedImage[], known: Known): string {
  if (known === 'none') return 'no reference set';
  if (known) return `${known.images} ${known.source === 'pack' ? 'of the pack' : 'chosen'}`;
  return reference.length > 0 ? `${reference.length} chosen` : 'as the pack says';
}
