/** Writing many elements anew at once: those in the window now, the others after it has been painted. */

/** How many are written between two frames: short enough to scroll and to point meanwhile. */
const atOnce = 8;
/** Milliseconds of rest before that: going through a list of choices by arrow key writes only what is seen. */
const rest = 50;

/** @returns what takes the writing of the element at an index; a later call ends what an earlier one has left to do */
export function nearFirst(elements: readonly HTMLElement[]): (write: (index: number) => void) => void {
  let latest: object | undefined;
  return (write) => {
    const turn = {};
    latest = turn;
    const far: number[] = [];
    const near: number[] = [];
    // All are measured before any is written, so that the layout is made once.
    for (const [index, element] of elements.entries()) {
      const { top, bottom } = element.getBoundingClientRect();
      (bottom >= 0 && top <= innerHeight ? near : far).push(index);
    }
    near.forEach(write);
    const goOn = (): void => {
      if (latest !== turn) return;
      far.splice(0, atOnce).forEach(write);
      if (far.length > 0) afterPaint(goOn);
    };
    if (far.length > 0) setTimeout(goOn, rest);
  };
}

/** A callback of a frame comes before it is painted; a task that it starts comes after. */
function afterPaint(act: () => void): void {
  requestAnimationFrame(() => setTimeout(act));
}
