/** Many small things that can be looked at closely are one stop of the Tab key; arrow keys go between them. */

/**
 * Makes `elements` one stop of the Tab key.
 * @param next which element a key leads to from the one at `index`, undefined if the key means nothing there
 * @param start which element the Tab key comes to at first
 */
export function roveFocus(
  elements: readonly HTMLElement[],
  next: (key: string, index: number) => HTMLElement | undefined,
  start: HTMLElement | undefined = elements[0],
): void {
  let current = start;
  for (const [index, element] of elements.entries()) {
    element.tabIndex = element === current ? 0 : -1;
    element.addEventListener('focus', () => {
      if (current !== undefined) current.tabIndex = -1;
      element.tabIndex = 0;
      current = element;
    });
    element.addEventListener('keydown', (event) => {
      const target = next(event.key, index);
      if (target === undefined) return;
      event.preventDefault();
      target.focus();
    });
  }
}
