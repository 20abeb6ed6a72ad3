/** The image that a prefix was made of, in a box whose size does not depend on it: nothing moves when it arrives. */
import { select } from 'd3';
import type { PanelImage } from '@clipcap/protocol/panel';
import type { Highlights } from './highlights.js';
import { make } from './make.js';

/** Frames the part of the image in `parent` that is lit up. It is drawn whole, in the middle of its box. */
export function markRegion(parent: HTMLElement, highlights: Highlights): void {
  const frame = make('div', { class: 'region', hidden: true });
  parent.append(frame);
  highlights.listen(({ region }) => {
    const image = parent.querySelector('img');
    frame.hidden = !region || !image || image.naturalWidth === 0;
    if (!region || !image) return;
    const { clientWidth, clientHeight } = parent;
    const scale = Math.min(clientWidth / image.naturalWidth, clientHeight / image.naturalHeight);
    const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
    const pixels = {
      left: (clientWidth - width) / 2 + region.x * width,
      top: (clientHeight - height) / 2 + region.y * height,
      width: region.width * width,
      height: region.height * height,
    };
    for (const [side, value] of Object.entries(pixels)) frame.style.setProperty(side, `${value}px`);
  });
}

/** Shows an image in `parent`; the element stays while the source is the same, so that it does not flicker. */
export function drawImage(parent: HTMLElement, { source, name }: PanelImage): void {
  const figure = select(parent);
  if (figure.select('img').empty()) {
    figure.append('img').attr('draggable', 'false');
    figure
      .append('p')
      .attr('class', 'no-preview')
      .text('This editor cannot show the image; its caption is not affected.');
  }
  const image = figure.select<HTMLImageElement>('img');
  if (image.attr('src') === source) return;
  figure.classed('broken', false);
  image
    .on('error', () => figure.classed('broken', true))
    .attr('alt', name)
    .attr('src', source);
}
