/** What the search considered, step by step: kept, pruned and finished beginnings of captions. */
import { format, linkHorizontal, select } from 'd3';
import type { BeamNode, BeamsData } from '@clipcap/protocol/lens';
import { make } from '../make.js';
import { glyphs } from '../token.js';
import type { Drawing, View } from './view.js';

const threeDigits = format('.3f');
const stepWidth = 104;
const rowHeight = 24;
const top = 26;

const meanings: Readonly<Record<BeamNode['state'], string>> = {
  kept: 'kept: among the best, goes on',
  pruned: 'pruned: others were better',
  finished: 'finished: a caption ends here',
};

interface Place {
  readonly step: number;
  readonly rank: number;
}

export const beamsView: View<'beams', Record<string, never>> = {
  name: 'beams',
  title: 'Beam tree',
  help: {
    shows:
      'Every beginning that the beam search considered, one column a step, best on top, and which it kept, pruned or finished.',
    computed: 'Beginnings are compared by the mean log-probability of their tokens, as the search itself does.',
    limits: 'A pruned beginning might have ended in a better caption: the search never finds out.',
  },
  defaults: {},
  room: 380,
  params: () => ({}),
  draw: drawTree,
  sheet: ({ steps }) => ({
    columns: ['step', 'rank', 'token', 'id', 'log-probability', 'mean', 'state', 'parent'],
    rows: steps.flatMap((nodes, step) =>
      nodes.map(({ token, mean, state, parent }, rank) => [
        step,
        rank,
        token.text,
        token.id,
        token.logProb,
        mean,
        state,
        parent ?? '',
      ]),
    ),
  }),
};

function drawTree(
  place: HTMLElement,
  data: BeamsData,
  { tooltip, highlights, onHighlight }: Drawing<Record<string, never>>,
): void {
  const { steps } = data;
  const width = steps.length * stepWidth + 12;
  const height = top + Math.max(1, ...steps.map((nodes) => nodes.length)) * rowHeight + 8;
  const nodeAt = ({ step, rank }: Place): BeamNode | undefined => steps[step]?.[rank];
  const key = ({ step, rank }: Place): string => `${step} ${rank}`;
  const parentOf = ({ step, rank }: Place): Place | undefined => {
    const parent = steps[step]?.[rank]?.parent;
    return parent === undefined || step === 0 ? undefined : { step: step - 1, rank: parent };
  };
  const pathOf = (leaf: Place): Place[] => {
    const path: Place[] = [];
    for (let next: Place | undefined = leaf; next; next = parentOf(next)) path.unshift(next);
    return path;
  };
  const places = steps.flatMap((nodes, step) => nodes.map((_, rank): Place => ({ step, rank })));

  const said = make('p', { class: 'visually-hidden', 'aria-live': 'polite' });
  const box = make('div', {
    class: 'scroll tree',
    role: 'group',
    tabindex: 0,
    'aria-label': `Beam tree of ${steps.length} steps. Up and down go through a step, left to what came before, right to what follows.`,
  });
  place.append(box, said);
  const svg = select(box).append('svg').attr('width', width).attr('height', height).attr('aria-hidden', 'true');
  svg
    .append('g')
    .attr('class', 'labels')
    .selectAll('text')
    .data(steps)
    .join('text')
    .attr('x', (_nodes, step) => step * stepWidth + 8)
    .attr('y', 14)
    .attr('font-size', 11)
    .text((_nodes, step) => `step ${step + 1}`);
  const x = ({ step }: Place): number => step * stepWidth + 4;
  const y = ({ rank }: Place): number => top + rank * rowHeight + rowHeight / 2;
  const curve = linkHorizontal<{ source: [number, number]; target: [number, number] }, [number, number]>();
  const links = svg
    .append('g')
    .selectAll('path')
    .data(places.filter((at) => parentOf(at) !== undefined))
    .join('path')
    .attr('class', (at) => `branch ${nodeAt(at)?.state ?? ''}`)
    .attr('d', (at) => {
      const from = parentOf(at) ?? at;
      return curve({ source: [x(from) + 88, y(from)], target: [x(at), y(at)] });
    });
  const marks = svg
    .append('g')
    .selectAll<SVGGElement, Place>('g')
    .data(places)
    .join('g')
    .attr('class', (at) => `beam ${nodeAt(at)?.state ?? ''}`)
    .attr('transform', (at) => `translate(${x(at)},${y(at) - 9})`);
  marks.append('rect').attr('width', 88).attr('height', 18).attr('rx', 4);
  marks
    .append('text')
    .attr('x', 6)
    .attr('y', 13)
    .attr('font-size', 11)
    .text((at) => {
      const node = nodeAt(at);
      const text = glyphs(node?.token.text ?? '');
      const room = node?.state === 'finished' ? 10 : 12;
      return `${text.length > room ? `${text.slice(0, room - 1)}…` : text}${node?.state === 'finished' ? ' ■' : ''}`;
    });

  const found = pathOfCaption(data);
  const tokenOf = ({ step, rank }: Place): number | undefined => (found[step] === rank ? step : undefined);
  marks.classed('found', (other) => tokenOf(other) !== undefined);
  onHighlight(({ token }) => {
    marks.classed('same', (other) => token !== undefined && tokenOf(other) === token);
  });

  let at: Place | undefined;
  const go = (to: Place, byKey: boolean): void => {
    const node = nodeAt(to);
    if (!node) return;
    at = to;
    const path = pathOf(to);
    const token = tokenOf(to);
    if (token === undefined) highlights.leave();
    else highlights.hover({ token });
    const lit = new Set(path.map(key));
    marks.classed('lit', (other) => lit.has(key(other)));
    links.classed('lit', (other) => lit.has(key(other)));
    const beginning = path
      .map((other) => nodeAt(other)?.token.text ?? '')
      .join('')
      .trim();
    const lines = [
      beginning,
      `mean log-probability ${threeDigits(node.mean)}, this token ${threeDigits(node.token.logProb)}`,
      meanings[node.state],
    ];
    const mark = marks.nodes()[places.findIndex((other) => key(other) === key(to))];
    if (byKey) {
      said.textContent = lines.join(', ');
      mark?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    }
    if (mark) tooltip.show(box, lines, mark);
  };
  const leave = (): void => {
    at = undefined;
    marks.classed('lit', false);
    links.classed('lit', false);
    tooltip.hide();
    highlights.leave();
  };
  const pin = (): void => {
    const token = at && tokenOf(at);
    if (token !== undefined) highlights.pin({ token });
  };
  marks
    .on('pointerenter', (_event, to) => {
      go(to, false);
    })
    .on('click', pin)
    .on('pointerleave', leave);
  box.addEventListener('blur', leave);
  box.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') pin();
    const here = at ?? { step: 0, rank: -1 };
    const child = steps[here.step + 1]?.findIndex(({ parent }) => parent === here.rank) ?? -1;
    const targets: Readonly<Record<string, Place | undefined>> = {
      ArrowDown: { step: here.step, rank: here.rank + 1 },
      ArrowUp: { step: here.step, rank: here.rank - 1 },
      ArrowLeft: parentOf(here),
      ArrowRight: child < 0 ? undefined : { step: here.step + 1, rank: child },
    };
    if (!(event.key in targets)) return;
    event.preventDefault();
    const to = targets[event.key];
    if (to && nodeAt(to)) go(to, true);
  });

  const captions = data.captions.map(({ text, score }) =>
    make('li', {}, text, make('span', { class: 'quiet' }, `  ${threeDigits(score)}`)),
  );
  place.append(
    make(
      'p',
      { class: 'legend quiet' },
      `${data.beams} beams · filled: kept · outlined, pale: pruned · ■: finished · below: captions by mean log-probability`,
    ),
    make('ol', { class: 'others' }, ...captions),
  );
}

/** The rank at each step of the beginning that became the best caption, as far as the tree shows it. */
function pathOfCaption({ steps, captions: [best] }: BeamsData): readonly number[] {
  const ids = best?.tokens.map(({ id }) => id) ?? [];
  const search = (step: number, parent: number | undefined): readonly number[] => {
    const paths = (steps[step] ?? []).flatMap((node, rank) =>
      node.token.id === ids[step] && node.parent === parent ? [[rank, ...search(step + 1, rank)]] : [],
    );
    return paths.toSorted((a, b) => b.length - a.length)[0] ?? [];
  };
  return search(0, undefined);
}
