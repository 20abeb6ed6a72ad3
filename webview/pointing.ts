/** A thing that stands for a position, a token or a word: pointing at it lights that up in all views, clicking pins it. */
import type { Highlight, Highlights } from './highlights.js';

/** By pointer and by keyboard alike, where the thing can be focused. */
export function pointsTo(element: HTMLElement, highlight: Highlight, highlights: Highlights): void {
  const enter = (): void => highlights.hover(highlight);
  const leave = (): void => highlights.leave();
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
