/** The prefix among its neighbour words on a plane. */
import { extent, format, scaleLinear, select } from 'd3';
import type { MapData, MapPoint } from '@clipcap/protocol/lens';
import { choice, wholeNumber } from '../controls.js';
import { make } from '../make.js';
import { glyphs } from '../token.js';
import type { Drawing, View } from './view.js';

interface MapOptions {
  readonly projection: 'pca' | 'umap';
  readonly nearest: number;
  readonly seed: number;
}

const projections: readonly (readonly [MapOptions['projection'], string])[] = [
  ['pca', 'PCA'],
  ['umap', 'UMAP'],
];

export const mapView: View<'map', MapOptions> = {
  name: 'map',
  title: 'Map',
  help: {
    shows: 'Prefix positions (numbers) among the words that are nearest to them, on a plane; lines go to the nearest.',
    computed:
      'Neighbours are those of the full width, by cosine; only where points stand comes from the projection: principal components, or UMAP with a seed.',
    limits:
      'Distances on the plane are not distances in the full width: what stands together may be far apart, most of all under UMAP. Trust the lines, not the gaps.',
  },
  defaults: { projection: 'pca', nearest: 6, seed: 0 },
  room: 520,
  params: ({ projection, nearest, seed }) =>
    projection === 'umap' ? { projection, nearest, seed } : { projection, nearest },
  controls(line, { options, change, readOnly }) {
    if (readOnly) return;
    line.append(
      choice('Projection', projections, options.projection, (projection) => {
        change({ projection });
      }),
      wholeNumber('Neighbours', options.nearest, [1, 20], (nearest) => {
        change({ nearest });
      }),
    );
    if (options.projection === 'umap') {
      line.append(
        wholeNumber('Seed', options.seed, [0, 9999], (seed) => {
          change({ seed });
        }),
      );
    }
  },
  draw: drawMap,
  sheet: ({ positions, tokens }) => ({
    columns: ['point', 'x', 'y', 'neighbours'],
    rows: [
      ...positions.map(({ position, x, y, neighbours }) => [
        `position ${position}`,
        x,
        y,
        neighbours.map((id) => tokens.find((token) => token.id === id)?.text ?? String(id)).join(' '),
      ]),
      ...tokens.map(({ text, x, y }) => [text, x, y, '']),
    ],
  }),
};

type Placed<Point extends MapPoint> = Point & { readonly left: number; readonly top: number };

function drawMap(place: HTMLElement, data: MapData, { tooltip, highlights, onHighlight }: Drawing<MapOptions>): void {
  const width = Math.max(280, Math.min(1100, place.clientWidth));
  const height = Math.round(Math.min(560, Math.max(380, width * 0.6)));
  const all: readonly MapPoint[] = [...data.positions, ...data.tokens];
  const x = scaleLinear(spread(all.map((point) => point.x)), [24, width - 70]);
  const y = scaleLinear(spread(all.map((point) => point.y)), [height - 20, 20]);
  const placed = <Point extends MapPoint>(point: Point): Placed<Point> => ({
    ...point,
    left: x(point.x),
    top: y(point.y),
  });
  const words = data.tokens.map(placed);
  const positions = data.positions.map(placed);
  const byId = new Map(words.map((word) => [word.id, word]));
  const lines = positions.flatMap((from) =>
    from.neighbours.flatMap((id) => {
      const to = byId.get(id);
      return to === undefined ? [] : [{ from, to }];
    }),
  );

  const said = make('p', { class: 'visually-hidden', 'aria-live': 'polite' });
  const box = make('div', {
    class: 'map',
    role: 'group',
    tabindex: 0,
    'aria-label': `Map of ${positions.length} positions and ${words.length} words. Left and right go from position to position, up and down through its words.`,
  });
  place.append(box, said);
  const svg = select(box).append('svg').attr('width', width).attr('height', height).attr('aria-hidden', 'true');
  const links = svg
    .append('g')
    .selectAll('line')
    .data(lines)
    .join('line')
    .attr('class', 'link')
    .attr('x1', ({ from }) => from.left)
    .attr('y1', ({ from }) => from.top)
    .attr('x2', ({ to }) => to.left)
    .attr('y2', ({ to }) => to.top);
  const free = roomForLabels(positions);
  const shown = new Set(words.filter((word) => free(word.left + 6, word.top, glyphs(word.text))).map(({ id }) => id));
  const wordMarks = svg
    .append('g')
    .selectAll<SVGGElement, Placed<MapData['tokens'][number]>>('g')
    .data(words)
    .join('g')
    .attr('class', 'word-point')
    .classed('unlabelled', ({ id }) => !shown.has(id))
    .attr('transform', ({ left, top }) => `translate(${left},${top})`);
  wordMarks.append('circle').attr('r', 2.5);
  wordMarks
    .append('text')
    .attr('x', 6)
    .attr('y', 4)
    .attr('font-size', 11)
    .text(({ text }) => glyphs(text));
  const positionMarks = svg
    .append('g')
    .selectAll<SVGGElement, Placed<MapData['positions'][number]>>('g')
    .data(positions)
    .join('g')
    .attr('class', 'position-point')
    .attr('transform', ({ left, top }) => `translate(${left},${top})`);
  positionMarks.append('circle').attr('r', 9);
  positionMarks
    .append('text')
    .attr('text-anchor', 'middle')
    .attr('y', 4)
    .attr('font-size', 11)
    .text(({ position }) => position);

  const tellPosition = (index: number): void => {
    const point = positions[index];
    const node = positionMarks.nodes()[index];
    if (!point || !node) return;
    highlights.hover({ position: point.position });
    const near = point.neighbours.map((id) => JSON.stringify(byId.get(id)?.text ?? '')).join(' ');
    tooltip.show(box, [`position ${point.position}`, `nearest in the full width: ${near}`], node);
    said.textContent = `position ${point.position}, nearest: ${near}`;
  };
  const tellWord = (id: number): void => {
    const word = byId.get(id);
    const node = wordMarks.nodes()[words.findIndex((other) => other.id === id)];
    if (!word || !node) return;
    const of = positions.filter(({ neighbours }) => neighbours.includes(id)).map(({ position }) => position);
    highlights.hover({ word: id });
    tooltip.show(box, [`${JSON.stringify(word.text)}  token ${id}`, `near position ${of.join(', ')}`], node);
    said.textContent = `${word.text}, near position ${of.join(', ')}`;
  };
  const leave = (): void => {
    highlights.leave();
    tooltip.hide();
  };
  positionMarks
    .on('pointerenter', function () {
      tellPosition(positionMarks.nodes().indexOf(this));
    })
    .on('click', (_event, { position }) => {
      highlights.pin({ position });
    })
    .on('pointerleave', leave);
  wordMarks
    .on('pointerenter', (_event, { id }) => {
      tellWord(id);
    })
    .on('click', (_event, { id }) => {
      highlights.pin({ word: id });
    })
    .on('pointerleave', leave);
  onHighlight(({ position, word }) => {
    const neighbours = new Set(positions.find((point) => point.position === position)?.neighbours);
    links.classed('lit', ({ from, to }) => from.position === position || to.id === word);
    positionMarks.classed('lit', (point) => point.position === position);
    wordMarks.classed('lit', ({ id }) => id === word || neighbours.has(id));
  });

  let at = { position: -1, word: -1 };
  box.addEventListener('keydown', (event) => {
    const neighbours = positions[at.position]?.neighbours ?? [];
    if (event.key === 'ArrowRight') at = { position: Math.min(positions.length - 1, at.position + 1), word: -1 };
    else if (event.key === 'ArrowLeft') at = { position: Math.max(0, at.position - 1), word: -1 };
    else if (event.key === 'ArrowDown') at = { ...at, word: Math.min(neighbours.length - 1, at.word + 1) };
    else if (event.key === 'ArrowUp') at = { ...at, word: Math.max(-1, at.word - 1) };
    else if (event.key === 'Enter') {
      highlights.pin(highlights.current);
      return;
    } else return;
    event.preventDefault();
    const word = neighbours[at.word];
    if (word === undefined) tellPosition(at.position);
    else tellWord(word);
  });
  box.addEventListener('blur', leave);
  const [first, second] = data.explained ?? [];
  place.append(
    make(
      'p',
      { class: 'legend quiet' },
      first === undefined || second === undefined
        ? 'UMAP keeps neighbours together as well as it can; its axes have no meaning.'
        : `Horizontal: ${format('.0%')(first)} of the variance, vertical: ${format('.0%')(second)}.`,
      ' Lines go to the nearest words of the full width. Words without room for their label are dots.',
    ),
  );
}

/** The ends of an axis; a single value gets room on both sides. */
function spread(values: readonly number[]): readonly [number, number] {
  const [low = 0, high = 1] = extent(values);
  return low < high ? [low, high] : [low - 1, high + 1];
}

/** Takes room for a label unless an earlier label or a position has it. */
function roomForLabels(positions: readonly { left: number; top: number }[]) {
  const taken = positions.map(({ left, top }) => ({
    left: left - 10,
    right: left + 10,
    top: top - 10,
    bottom: top + 10,
  }));
  return (left: number, top: number, label: string): boolean => {
    const box = { left, right: left + label.length * 6.4, top: top - 6, bottom: top + 6 };
    const free = taken.every(
      (other) => other.right < box.left || other.left > box.right || other.bottom < box.top || other.top > box.bottom,
    );
    if (free) taken.push(box);
    return free;
  };
}
