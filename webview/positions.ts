/** The prefix as a line of numbers between image and caption: what is pointed at in a view is marked here, and back. */
import { make } from './make.js';
import type { Highlights } from './highlights.js';
import { pointsTo } from './pointing.js';
import { roveFocus } from './roving.js';

/** Draws `count` positions into an empty place. Returns what ends its listening. */
export function drawPositions(place: HTMLElement, count: number, highlights: Highlights): () => void {
  const buttons = Array.from({ length: count }, (_, position) => {
    const button = make('button', { type: 'button', class: 'place', 'aria-label': `position ${position}` });
    button.append(String(position));
    pointsTo(button, { position }, highlights);
    return button;
  });
  place.append(
    make('span', { class: 'quiet' }, 'image → prefix'),
    ...buttons,
    make('span', { class: 'quiet' }, '→ caption'),
  );
  roveFocus(buttons, (key, index) => {
    const steps: Readonly<Record<string, number>> = {
      ArrowLeft: index - 1,
      ArrowRight: index + 1,
      Home: 0,
      End: count - 1,
    };
    return buttons[steps[key] ?? -1];
  });
  return highlights.listen(({ position }) => {
    const pinned = highlights.pinned.position;
    for (const [index, button] of buttons.entries()) {
      button.classList.toggle('lit', index === position);
      button.setAttribute('aria-pressed', String(index === pinned));
    }
  });
}
