/** A thing that stands for a position, a token or a word: pointing at it lights that up in all views, clicking pins it. */
import type { Highlight, Highlights } from './highlights.js';
import type { Tooltip } from './tooltip.js';

/** What is told of the thing while it is pointed at. */
interface Tip {
  readonly tooltip: Tooltip;
  readonly lines: () => readonly string[];
}

/** By pointer and by keyboard alike, where the thing can be focused. */
export function pointsTo(element: HTMLElement, highlight: Highlight, highlights: Highlights, tip?: Tip): void {
  const enter = (): void => {
    highlights.hover(highlight);
    tip?.tooltip.show(element, tip.lines());
  };
  const leave = (): void => {
    highlights.leave();
    tip?.tooltip.hide();
  };
  element.addEventListener('pointerenter', enter);
  element.addEventListener('pointerleave', leave);
  element.addEventListener('focus', () => {
    if (element.matches(':focus-visible')) enter();
  });
  element.addEventListener('blur', leave);
  element.addEventListener('click', () => highlights.pin(highlight));
  element.addEventListener('keydown', ({ key, target }) => {
    if (key === 'Enter' && target === element && !(element instanceof HTMLButtonElement)) highlights.pin(highlight);
  });
}
