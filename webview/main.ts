/** The panel: says to its host that it is there, draws what the host answers, and remembers the image for a reload. */
import type { FromWebview, PanelImage, ToWebview } from '@clipcap/protocol/panel';
import { drawCaption, drawFailure, drawPending, type CaptionActions } from './caption.js';
import { drawImage } from './image.js';
import { barScale, drawPrefix, drawSkeleton } from './prefix.js';
import { makeTooltip } from './tooltip.js';
import './panel.css';

/** What VS Code gives to a webview's script, once. */
declare function acquireVsCodeApi(): {
  postMessage(message: FromWebview): void;
  getState(): PanelImage | undefined;
  setState(state: PanelImage): void;
};

const host = acquireVsCodeApi();
const page = document.createElement('main');
(document.getElementById('app') ?? document.body).replaceChildren(page);

const top = part('header', 'top');
const figure = part('figure', 'image', top);
const about = part('div', 'about', top);
const section = part('section', 'prefix');
const heading = part('div', 'prefix-heading', section);
const positions = part('div', 'positions', section);
const tooltip = makeTooltip(page);

/** Cards of the skeleton, before any result has told how many positions and words there are. */
let shape = { positions: 10, words: 8 };

const actions: CaptionActions = {
  copy: (text) => {
    say({ type: 'copy', text });
  },
  retry: () => {
    say({ type: 'retry' });
  },
};

function say(message: FromWebview): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a webview's takes none
  host.postMessage(message);
}

function part<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className: string,
  parent: HTMLElement = page,
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  element.className = className;
  parent.append(element);
  return element;
}

function draw(message: ToWebview): void {
  const { image } = message;
  tooltip.hide();
  page.dataset['state'] = message.type;
  drawImage(figure, image);
  section.hidden = message.type === 'failed';
  switch (message.type) {
    case 'loading':
      drawPending(about, image.name);
      explain(shape.positions);
      drawSkeleton(positions, shape.positions, shape.words);
      break;
    case 'failed':
      drawFailure(about, image.name, message.message, actions);
      break;
    case 'result': {
      const { prefix } = message.result.image;
      shape = { positions: prefix.length, words: Math.max(0, ...prefix.map(({ nearest }) => nearest.length)) };
      drawCaption(about, image.name, message.result, tooltip, actions);
      explain(prefix.length, barScale(prefix));
      drawPrefix(positions, prefix, tooltip);
    }
  }
}

function explain(length: number, scale?: readonly [number, number]): void {
  heading.replaceChildren();
  part('h2', 'small-heading', heading).textContent = 'Words nearest to each prefix position';
  part('p', 'explanation', heading).textContent =
    `ClipCap turned the image into ${length} made-up words, the prefix, which the language model continued with the ` +
    'caption. The real words nearest to each are evidence of what it holds, not an explanation.';
  part('p', 'legend quiet', heading).textContent =
    scale === undefined
      ? '\u00a0'
      : `Bar: cosine similarity, ${scale[0]} to ${scale[1]} · ‖p‖: norm of the embedding · “·”: a space`;
}

window.addEventListener('message', ({ data }: MessageEvent<ToWebview>) => {
  host.setState(data.image);
  draw(data);
});

const restored = host.getState();
if (restored) draw({ type: 'loading', image: restored });
say(restored ? { type: 'ready', uri: restored.uri } : { type: 'ready' });
