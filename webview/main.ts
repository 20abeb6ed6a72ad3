/** The panel: says to its host that it is there, draws what the host answers, and remembers what was chosen for a reload. */
import {
  panelModes,
  type FromWebview,
  type PanelImage,
  type PanelMode,
  type PickedImage,
  type ToWebview,
} from '@clipcap/protocol/panel';
import { drawCaption, drawEmpty, drawFailure, drawPending, markTokens, type CaptionActions } from './caption.js';
import { choice } from './controls.js';
import { deliver } from './exportTools.js';
import { Highlights, type Highlight } from './highlights.js';
import { drawImage, markRegion } from './image.js';
import { askedOfAll, keptForAnother, makeLens } from './lens.js';
import { make } from './make.js';
import { Requests } from './requests.js';
import { Thumbnails } from './thumbnails.js';
import { makeTooltip } from './tooltip.js';
import './panel.css';
import './lens.css';
import './views/views.css';

/** What was chosen in the panel, once something was. */
interface Chosen {
  readonly tab?: string;
  readonly mode?: PanelMode;
  readonly pinned?: Highlight;
  readonly options?: Readonly<Record<string, object>>;
  /** Images that stand for "every image". */
  readonly reference?: readonly PickedImage[];
}

/** What VS Code keeps for a webview. */
type State = PanelImage & Chosen;

/** What VS Code gives to a webview's script, once. */
declare function acquireVsCodeApi(): {
  postMessage(message: FromWebview): void;
  getState(): State | undefined;
  setState(state: State): void;
};

const host = acquireVsCodeApi();
const page = make('main');
(document.getElementById('app') ?? document.body).replaceChildren(page);

const figure = make('figure', { class: 'image' });
const about = make('div', { class: 'about' });
const section = make('section', { class: 'prefix', 'aria-label': 'Prefix Lens' });
const foot = make('div', { class: 'panel-foot' });
page.append(make('header', { class: 'top' }, figure, about), section, foot);
const tooltip = makeTooltip(page);
const requests = new Requests(say);
const thumbnails = new Thumbnails((uri, signal) => requests.ask('thumbnail', { uri }, signal));
const restored = host.getState();
let chosen: Chosen = restored ? chosenIn(restored) : {};
let image: PanelImage | undefined = restored;

const highlights = new Highlights(chosen.pinned, (pinned) => {
  remember({ pinned });
});
markRegion(figure, highlights);
markTokens(about, highlights);

function chosenIn({ uri: _uri, name: _name, source: _source, ...rest }: State): Chosen {
  return rest;
}

function remember(next: Chosen): void {
  chosen = { ...chosen, ...next };
  if (image) host.setState({ uri: image.uri, name: image.name, source: image.source, ...chosen });
}

/** What was chosen about the tokens of one caption, or a part of one image, says nothing about another's. */
function forgetCaption(): void {
  if (chosen.options) chosen = { ...chosen, options: keptForAnother(chosen.options) };
  const { token, region } = highlights.pinned;
  if (token !== undefined || region !== undefined) highlights.pin(highlights.pinned);
}

const actions: CaptionActions = {
  copy: (text) => {
    say({ type: 'copy', text });
    return Promise.resolve();
  },
  retry: () => {
    say({ type: 'retry' });
  },
};

const lens = makeLens(
  section,
  {
    tooltip,
    highlights,
    copy: (text) => actions.copy(text),
    ask: (view, params, reference, signal) => {
      const asked = { view, params, ...(reference.length === 0 ? {} : { reference }) };
      return requests.ask('lens', asked, signal);
    },
    readOnly: false,
    thumbnail: (uri, signal) => thumbnails.of(uri, signal),
    pick: (title, from) => requests.ask('pick', { title, from }),
    pickPack: (title) => requests.ask('pickPack', { title }),
    reference: () => chosen.reference ?? [],
    refer: (reference) => {
      remember({ reference });
    },
    save: (name, format, content) => requests.ask('save', { name, format, content }),
    kept: (view) => chosen.options?.[view],
    keep: (view, options) => {
      remember({ options: { ...chosen.options, [view]: options } });
    },
  },
  chosen.tab,
  (tab) => {
    remember({ tab });
  },
);

/** Of the report that is being made; another image ends it. */
let reporting = new AbortController();
const reportLabel = 'Save report…';
const report = make('button', { type: 'button', class: 'plain' }, reportLabel);
report.addEventListener('click', () => {
  const views = askedOfAll((view) => chosen.options?.[view]);
  const reference = (chosen.reference ?? []).map(({ uri }) => uri);
  foot.querySelector('.failure')?.remove();
  reporting = new AbortController();
  const asked = { views, ...(reference.length > 0 ? { reference } : {}) };
  const saved = requests.ask('report', asked, reporting.signal);
  saved.catch((error: unknown) => {
    if (reporting.signal.aborted) return;
    const message = error instanceof Error ? error.message : String(error);
    report.after(make('span', { class: 'failure', role: 'alert' }, message));
  });
  void deliver(report, reportLabel, () => saved);
});
foot.append(report, make('span', { class: 'quiet' }, 'all views as one web page'));

const modeNames: Readonly<Record<PanelMode, string>> = {
  inspected: 'shows what is inspected',
  active: 'follows the image in front',
  kept: 'keeps this image',
};
foot.append(
  choice(
    'This panel',
    panelModes.map((mode) => [mode, modeNames[mode]] as const),
    chosen.mode ?? 'inspected',
    (mode) => {
      remember({ mode });
      say({ type: 'mode', mode });
    },
  ),
);

function say(message: FromWebview): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a webview's takes none
  host.postMessage(message);
}

function draw(message: Extract<ToWebview, { image: PanelImage }>): void {
  tooltip.hide();
  page.dataset['state'] = message.type;
  drawImage(figure, message.image);
  section.hidden = message.type === 'failed';
  switch (message.type) {
    case 'loading':
      reporting.abort();
      drawPending(about, message.image.name);
      lens.wait(message.image);
      break;
    case 'failed':
      lens.leave();
      drawFailure(about, message.image.name, message.message, actions);
      break;
    case 'result': {
      const { width, height } = message.result.image;
      drawCaption(about, message.image.name, message.result, tooltip, actions, highlights);
      lens.open({ ...message.image, width, height, result: message.result });
    }
  }
}

window.addEventListener('message', ({ data }: MessageEvent<ToWebview>) => {
  if (data.type === 'answer' || data.type === 'error') requests.receive(data);
  else if (data.type === 'empty') {
    page.dataset['state'] = data.type;
    section.hidden = true;
    drawEmpty(about);
  } else {
    if (image && image.uri !== data.image.uri) forgetCaption();
    image = data.image;
    remember({});
    draw(data);
  }
});

if (restored) draw({ type: 'loading', image: restored });
say(restored ? { type: 'ready', uri: restored.uri } : { type: 'ready' });
if (chosen.mode !== undefined) say({ type: 'mode', mode: chosen.mode });
