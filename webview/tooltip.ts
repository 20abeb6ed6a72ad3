/** One tooltip for the whole panel, shown by pointer and by keyboard focus alike, never cut off by the panel's edges. */
import { select } from 'd3';

export interface Tooltip {
  /** Shows lines, tied to an element for screen readers, beside it or beside what they must not cover. */
  readonly show: (anchor: Element, lines: readonly string[], beside?: Element) => void;
  readonly hide: () => void;
}

const gap = 6;

/** Makes the tooltip as the last child of `parent`. Escape hides it, and so does scrolling away. */
export function makeTooltip(parent: HTMLElement): Tooltip {
  const box = select(parent).append('div').attr('id', 'tooltip').attr('class', 'tooltip').attr('role', 'tooltip');
  const element = box.node();
  if (element === null) throw new Error('the panel has no document to draw in');
  let described: Element | undefined;

  const hide = (): void => {
    described?.removeAttribute('aria-describedby');
    described = undefined;
    box.classed('shown', false);
  };

  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') hide();
  });
  document.addEventListener('scroll', hide, { capture: true, passive: true });

  return {
    hide,
    show(anchor, lines, beside = anchor) {
      hide();
      box
        .selectAll('div')
        .data(lines)
        .join('div')
        .text(String)
        .classed('strong', (_line, index) => index === 0);
      const target = beside.getBoundingClientRect();
      const { width, height } = element.getBoundingClientRect();
      const left = Math.min(Math.max(gap, target.left), Math.max(gap, window.innerWidth - width - gap));
      const below = target.bottom + gap;
      const top = below + height + gap > window.innerHeight ? Math.max(gap, target.top - height - gap) : below;
      box.style('left', `${left}px`).style('top', `${top}px`).classed('shown', true);
      anchor.setAttribute('aria-describedby', 'tooltip');
      described = anchor;
    },
  };
}
