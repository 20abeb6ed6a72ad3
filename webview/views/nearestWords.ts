/**
 * The nearest words of all positions, whatever they are drawn as: pointing at one tells its details and lights it up in
 * all views, a click or Enter pins it, arrow keys go from word to word. There may be hundreds: one listener hears all.
 */
import type { NearestToken } from '@clipcap/protocol/caption';
import type { Metric, TablePosition } from '@clipcap/protocol/lens';
import type { Highlight } from '../highlights.js';
import { longScore, metricName } from './metric.js';
import type { Drawing } from './view.js';

/** From this cosine with the mean of every image on, a position is called shared. */
export const sharedFrom = 0.95;

/** Brings what is drawn to another metric without making it anew; false if it has other words for that. */
export type SwitchMetric = (metric: Metric) => boolean;

interface DrawnWords {
  /** What holds all of them. */
  readonly place: HTMLElement;
  /** Position by position, nearest first. */
  readonly words: readonly (readonly HTMLElement[])[];
  /** What is lit up as the position itself. */
  readonly positions: readonly HTMLElement[];
  /** Whether the words of one position stand beside each other or below each other. */
  readonly reading: 'across' | 'down';
}

interface Place {
  readonly index: number;
  readonly rank: number;
}

/** @param write brings what is drawn to another metric, which has as many words for every position */
export function connectWords(
  { place, words, positions: lines, reading }: DrawnWords,
  positions: readonly TablePosition[],
  { options, tooltip, highlights, onHighlight }: Drawing<{ readonly metric: Metric }>,
  write: (metric: Metric) => void,
): SwitchMetric {
  let { metric } = options;
  const places = new Map(
    words.flatMap((ofPosition, index) => ofPosition.map((word, rank) => [word, { index, rank }] as const)),
  );
  const tokenAt = ({ index, rank }: Place): NearestToken | undefined => positions[index]?.nearest[metric][rank];
  const pointed = ({ target }: Event): [HTMLElement, Place] | undefined => {
    const word = target instanceof Element ? target.closest<HTMLElement>('[data-token]') : null;
    const at = word ? places.get(word) : undefined;
    return word && at ? [word, at] : undefined;
  };
  const highlightOf = (at: Place): Highlight => {
    const token = tokenAt(at);
    const position = positions[at.index]?.position ?? at.index;
    return token ? { position, word: token.id } : { position };
  };
  const enter = (event: Event): void => {
    const [word, at] = pointed(event) ?? [];
    if (!word || !at) return;
    highlights.hover(highlightOf(at));
    tooltip.show(word, details(at, positions, metric), reading === 'down' ? lines[at.index] : word);
  };
  const leave = (event: Event): void => {
    if (!pointed(event)) return;
    highlights.leave();
    tooltip.hide();
  };
  const pin = (event: Event): void => {
    const [, at] = pointed(event) ?? [];
    if (at) highlights.pin(highlightOf(at));
  };

  let current = words[0]?.[0];
  for (const word of places.keys()) word.tabIndex = word === current ? 0 : -1;
  const go = (to: HTMLElement): void => {
    if (current) current.tabIndex = -1;
    to.tabIndex = 0;
    current = to;
  };
  place.addEventListener('pointerover', enter);
  place.addEventListener('pointerout', leave);
  place.addEventListener('focusin', (event) => {
    const [word] = pointed(event) ?? [];
    if (word !== event.target || !word) return;
    go(word);
    if (word.matches(':focus-visible')) enter(event);
  });
  place.addEventListener('focusout', leave);
  place.addEventListener('click', pin);
  place.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') pin(event);
    const [, at] = pointed(event) ?? [];
    const step = steps[reading][event.key];
    const to = at && step && words[at.index + step[0]]?.[at.rank + step[1]];
    if (!to) return;
    event.preventDefault();
    to.focus();
  });

  const light = ({ position, word }: Highlight): void => {
    for (const [element, at] of places) element.classList.toggle('same', tokenAt(at)?.id === word);
    for (const [index, line] of lines.entries()) line.classList.toggle('lit', positions[index]?.position === position);
  };
  onHighlight(light);
  return (next) => {
    if (!sameShape(positions, metric, next)) return false;
    write(next);
    metric = next;
    tooltip.hide();
    light(highlights.current);
    return true;
  };
}

/** By reading and key: how many positions and how many ranks on. */
const steps: Readonly<Record<DrawnWords['reading'], Readonly<Record<string, readonly [number, number]>>>> = {
  across: { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] },
  down: { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] },
};

/** Whether each position has as many words by one metric as by another. */
function sameShape(positions: readonly TablePosition[], one: Metric, other: Metric): boolean {
  return positions.every(({ nearest }) => nearest[one].length === nearest[other].length);
}

/** What the tooltip says about a word: exact token, its score, its margin, and where else it stands. */
function details({ index, rank }: Place, positions: readonly TablePosition[], metric: Metric): readonly string[] {
  const here = positions[index];
  const token = here?.nearest[metric][rank];
  if (!here || !token) return [];
  const next = here.nearest[metric][rank + 1];
  const elsewhere = positions
    .filter((other) => other !== here && other.nearest[metric].some(({ id }) => id === token.id))
    .map((other) => other.position);
  return [
    `${JSON.stringify(token.text)}  token ${token.id}`,
    `${metricName(metric)} ${longScore(metric, token.score)} with prefix position ${here.position}`,
    ...(next === undefined ? [] : [`${longScore(metric, token.score - next.score)} ahead of the next word`]),
    ...(elsewhere.length === 0 ? [] : [`also near position ${elsewhere.join(', ')}`]),
  ];
}
