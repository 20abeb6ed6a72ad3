/** The image that a prefix was made of, in a box whose size does not depend on it: nothing moves when it arrives. */
import { select } from 'd3';
import type { PanelImage } from '@clipcap/protocol/panel';

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
