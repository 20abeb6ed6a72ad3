/** The panel: says to its host that it is there, draws what the host answers, and remembers what was chosen for a reload. */
import {
  panelModes,
  type FromWebview,
  type PanelImage,
  type PanelMode,
  type PickedImage,
  type ToWebview,
} from '@clipcap/protocol/panel';
import { drawCaption, drawFailure, drawPending, type CaptionActions } from './caption.js';
import { choice } from './controls.js';
import { deliver } from './exportTools.js';
import { Highlights } from './highlights.js';
import { drawImage, markRegion } from './image.js';
import { askedOfAll, makeLens } from './lens.js';
import { make } from './make.js';
import { Requests } from './requests.js';
import { makeTooltip } from './tooltip.js';
import './panel.css';
import './lens.css';
import './views/views.css';

/** What VS Code keeps for a webview: the image, and what was chosen once something was. */
interface State extends PanelImage {
  readonly tab?: string;
  readonly mode?: PanelMode;
  readonly options?: Readonly<Record<string, object>>;
  /** Images that stand for "every image". */
  readonly reference?: readonly PickedImage[];
}

type Choices = Pick<State, 'tab' | 'mode' | 'options' | 'reference'>;

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
const highlights = new Highlights();
markRegion(figure, highlights);
const requests = new Requests(say);
const restored = host.getState();
let chosen: Choices = {
  ...(restored?.tab === undefined ? {} : { tab: restored.tab }),
  ...(restored?.mode === undefined ? {} : { mode: restored.mode }),
  ...(restored?.options === undefined ? {} : { options: restored.options }),
  ...(restored?.reference === undefined ? {} : { reference: restored.reference }),
};
let image: PanelImage | undefined = restored;

function remember(next: Choices): void {
  chosen = { ...chosen, ...next };
  if (image) host.setState({ uri: image.uri, name: image.name, source: image.source, ...chosen });
}

const actions: CaptionActions = {
  copy: (text) => {
    say({ type: 'copy', text });
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
    copy: (text) => {
      actions.copy(text);
    },
    ask: (view, params, reference, signal) => {
      const asked = { view, params, ...(reference.length === 0 ? {} : { reference }) };
      return requests.ask('lens', asked, signal);
    },
    readOnly: false,
    pick: (title, from) => requests.ask('pick', { title, from }),
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
const report = make('button', { type: 'button', class: 'plain' }, 'Save report…');
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
  void deliver(report, () => saved);
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
  else {
    image = data.image;
    remember({});
    draw(data);
  }
});

if (restored) draw({ type: 'loading', image: restored });
say(restored ? { type: 'ready', uri: restored.uri } : { type: 'ready' });
if (chosen.mode !== undefined) say({ type: 'mode', mode: chosen.mode });
