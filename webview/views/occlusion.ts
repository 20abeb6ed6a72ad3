/** Where in the image the caption, or one of its words, comes from: what happens when a part is covered. */
import { format, max, select } from 'd3';
import type { OcclusionData } from '@clipcap/protocol/lens';
import { choice, slider, tick, wholeNumber } from '../controls.js';
import type { Region } from '../highlights.js';
import { make } from '../make.js';
import { drawLegend } from '../matrix.js';
import { diverging, sequential } from '../palette.js';
import { glyphs } from '../token.js';
import { tokenChoice } from './tokenChoice.js';
import type { Drawing, View } from './view.js';

interface OcclusionOptions {
  readonly grid: number;
  /** −1: the whole caption. */
  readonly token: number;
  readonly opacity: number;
  /** Attention rollout instead of occlusion, where there is one. */
  readonly rollout: boolean;
}

const twoDigits = format('.2f');

export const occlusionView: View<'occlusion', OcclusionOptions> = {
  name: 'occlusion',
  title: 'Where in the image',
  help: {
    shows:
      'Which parts of the image the caption, or one of its words, depends on: blue parts speak for it, orange parts against it.',
    computed:
      'Each cell of a grid over what the model sees is covered with its mean colour; the value is the caption’s log-probability before minus after, in nats.',
    limits:
      'A cover is itself something to see, and a thing larger than a cell can hide behind no single one: an unmarked part is not proved irrelevant.',
  },
  defaults: { grid: 7, token: -1, opacity: 0.65, rollout: false },
  ofCaption: ['token'],
  room: 420,
  params: ({ grid, token }) => (token < 0 ? { grid } : { grid, token }),
  controls(line, { options, change, readOnly }, data) {
    const tokens = data?.caption.tokens ?? [];
    const places = [
      ['-1', 'the whole caption'] as const,
      ...tokens.map(({ text }, index) => [String(index), `${index}: ${glyphs(text)}`] as const),
    ];
    const asked = [
      choice('Of', places, String(options.token), (token) => {
        change({ token: Number(token) });
      }),
      wholeNumber('Cells to a side', options.grid, [2, 16], (grid) => {
        change({ grid });
      }),
    ];
    line.append(
      ...(readOnly ? [] : asked),
      slider(
        'Opacity',
        options.opacity,
        { low: 0, high: 1, step: 0.05 },
        (opacity) => {
          change({ opacity });
        },
        (opacity) => {
          const pane = line.parentElement?.querySelector<SVGElement>('.overlay .cells');
          pane?.setAttribute('opacity', String(opacity));
        },
      ),
    );
    if (data?.rollout) {
      line.append(
        tick('Attention rollout of the encoder', options.rollout, (rollout) => {
          change({ rollout });
        }),
      );
    }
  },
  draw: drawOcclusion,
  sheet(data, options) {
    const values = (options.rollout ? data.rollout : undefined) ?? data.values;
    return {
      columns: ['row', ...values.map((_, column) => `column ${column}`)],
      rows: values.map((row, index) => [index].concat(row)),
    };
  },
};

function drawOcclusion(place: HTMLElement, data: OcclusionData, drawing: Drawing<OcclusionOptions>): void {
  const { options, palette, image, tooltip, highlights, onHighlight } = drawing;
  const { crop } = data;
  const width = image.width ?? crop.x + crop.width;
  const height = image.height ?? crop.y + crop.height;
  const rollout = options.rollout ? data.rollout : undefined;
  const values = rollout ?? data.values;
  const end = max(values, (row) => max(row, Math.abs)) ?? 1;
  const color = rollout ? sequential(palette, end) : diverging(palette, end);
  const what = rollout ? 'share of the class token’s attention' : 'nats lost when covered';
  drawLegend(place, [rollout ? 0 : -end, end], color, what, twoDigits);

  const said = make('p', { class: 'visually-hidden', 'aria-live': 'polite' });
  const photo = (): HTMLElement => {
    const frame = make(
      'div',
      { class: 'photo' },
      make('img', { src: image.source, alt: '', crossorigin: 'anonymous' }),
    );
    frame.style.aspectRatio = `${width} / ${height}`;
    return frame;
  };
  const overlaid = photo();
  overlaid.classList.add('overlay');
  overlaid.tabIndex = 0;
  overlaid.setAttribute('role', 'group');
  overlaid.setAttribute(
    'aria-label',
    `Occlusion map, ${values.length} × ${values.length} cells. Arrow keys go from cell to cell.`,
  );
  const svg = select(overlaid)
    .append('svg')
    .attr('viewBox', `0 0 ${width} ${height}`)
    .attr('preserveAspectRatio', 'none')
    .attr('aria-hidden', 'true');
  const cellWidth = crop.width / Math.max(1, values[0]?.length ?? 1);
  const cellHeight = crop.height / Math.max(1, values.length);
  svg
    .append('g')
    .attr('class', 'cells')
    .attr('opacity', options.opacity)
    .selectAll('g')
    .data(values)
    .join('g')
    .attr('transform', (_row, index) => `translate(${crop.x},${crop.y + index * cellHeight})`)
    .selectAll('rect')
    .data((row) => row)
    .join('rect')
    .attr('x', (_value, index) => index * cellWidth)
    .attr('width', cellWidth)
    .attr('height', cellHeight)
    .attr('fill', (value) => (value < 0 ? palette.negative : palette.positive))
    .attr('fill-opacity', (value) => (end > 0 ? Math.min(1, Math.abs(value) / end) : 0));
  svg
    .append('rect')
    .attr('class', 'crop')
    .attr('x', crop.x)
    .attr('y', crop.y)
    .attr('width', crop.width)
    .attr('height', crop.height);
  const plain = photo();
  const plainSvg = select(plain)
    .append('svg')
    .attr('viewBox', `0 0 ${width} ${height}`)
    .attr('preserveAspectRatio', 'none')
    .attr('aria-hidden', 'true');
  const frames = [svg, plainSvg].map((drawn) =>
    drawn
      .append('rect')
      .attr('class', 'frame')
      .attr('width', cellWidth)
      .attr('height', cellHeight)
      .attr('visibility', 'hidden'),
  );

  const regionOf = (row: number, column: number): Region => ({
    x: (crop.x + column * cellWidth) / width,
    y: (crop.y + row * cellHeight) / height,
    width: cellWidth / width,
    height: cellHeight / height,
  });
  let at: { row: number; column: number } | undefined;
  const go = (row: number, column: number, byKey: boolean): void => {
    at = { row, column };
    highlights.hover({ region: regionOf(row, column) });
    const value = values[row]?.[column] ?? 0;
    const lines = [`row ${row + 1}, column ${column + 1}`, `${format('.4f')(value)} ${what}`];
    if (byKey) said.textContent = lines.join(', ');
    const node = frames[0]?.node();
    if (node) tooltip.show(overlaid, lines, node);
  };
  const leave = (): void => {
    at = undefined;
    tooltip.hide();
    highlights.leave();
  };
  const pin = (): void => {
    if (at) highlights.pin({ region: regionOf(at.row, at.column) });
  };
  for (const side of [overlaid, plain]) {
    side.addEventListener('pointermove', (event) => {
      const box = side.getBoundingClientRect();
      const column = Math.floor((((event.clientX - box.left) / box.width) * width - crop.x) / cellWidth);
      const row = Math.floor((((event.clientY - box.top) / box.height) * height - crop.y) / cellHeight);
      if (values[row]?.[column] === undefined) {
        if (at) leave();
      } else if (at?.row !== row || at.column !== column) go(row, column, false);
    });
    side.addEventListener('pointerleave', leave);
    side.addEventListener('click', pin);
  }
  overlaid.addEventListener('blur', leave);
  const steps: Readonly<Record<string, readonly [number, number]>> = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
  };
  const bound = (index: number): number => Math.max(0, Math.min(values.length - 1, index));
  overlaid.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') pin();
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    go(at ? bound(at.row + step[0]) : 0, at ? bound(at.column + step[1]) : 0, true);
  });

  const words = tokenChoice(data.caption, drawing);
  onHighlight(({ token, region }) => {
    for (const frame of frames) {
      frame.attr('visibility', region ? null : 'hidden');
      if (region) frame.attr('x', region.x * width).attr('y', region.y * height);
    }
    for (const [index, word] of words.entries()) word.classList.toggle('lit', index === token);
  });
  place.append(
    make('p', { class: 'said' }, make('span', { class: 'quiet' }, 'Caption: '), ...words),
    make(
      'div',
      { class: 'photos' },
      make('figure', {}, make('figcaption', {}, rollout ? 'Attention rollout' : 'What covering takes away'), overlaid),
      make('figure', {}, make('figcaption', {}, 'The photo'), plain),
    ),
    said,
    make(
      'p',
      { class: 'legend quiet' },
      `The frame is what the model sees. Log-probability without a cover: ${twoDigits(data.logProb)} nats.`,
    ),
  );
}
