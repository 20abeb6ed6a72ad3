/** Focus that survives drawing anew: controls and buttons carry a name by which they are found again. */

/** Notes which named control has the focus inside of `element`; what it returns gives the focus back. */
export function keepFocus(element: HTMLElement): () => void {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  const name = focused instanceof HTMLElement ? focused.dataset['control'] : undefined;
  return () => {
    if (name === undefined) return;
    const controls = [...element.querySelectorAll<HTMLElement>('[data-control]')];
    controls.find((control) => control.dataset['control'] === name)?.focus({ preventScroll: true });
  };
}
