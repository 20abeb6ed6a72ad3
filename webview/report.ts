/**
 * The report of `clipcap inspect --report`: all views of one image from the document that the page carries, drawn by the
 * panel's own views, read-only. The page asks nothing of any network.
 */
import type { Caption, CaptionResult, ModelInfo } from '@clipcap/protocol/caption';
import { lensViews, type LensView, type LensViews } from '@clipcap/protocol/lens';
import type { SavedFormat } from '@clipcap/protocol/panel';
import { drawCaption } from './caption.js';
import { Highlights } from './highlights.js';
import { drawImage } from './image.js';
import { makeLens } from './lens.js';
import { make } from './make.js';
import { makeTooltip } from './tooltip.js';
import type { Data } from './views/view.js';
import './report.css';
import './panel.css';
import './lens.css';

/** What the page carries: the document of `clipcap inspect --json`, and the image itself as a data URI. */
interface ReportDocument {
  readonly version: 1;
  readonly model: ModelInfo;
  readonly image: Partial<CaptionResult['image']> & { readonly path?: string; readonly source?: string };
  readonly views: { readonly [View in LensView]?: LensViews[View]['data'] };
}

const types: Readonly<Record<SavedFormat, string>> = {
  svg: 'image/svg+xml',
  png: 'image/png',
  csv: 'text/csv',
  json: 'application/json',
};

drawReport(readDocument());

function readDocument(): ReportDocument {
  const text = document.getElementById('lens-data')?.textContent ?? '';
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by the command line together with this script
  return JSON.parse(text) as ReportDocument;
}

function drawReport({ model, image, views }: ReportDocument): void {
  document.body.classList.add('report');
  const page = make('main');
  const figure = make('figure', { class: 'image' });
  const about = make('div', { class: 'about' });
  const section = make('section', { class: 'prefix', 'aria-label': 'Prefix Lens' });
  page.append(make('header', { class: 'top' }, figure, about), section);
  (document.getElementById('app') ?? document.body).append(page);
  const tooltip = makeTooltip(page);
  const highlights = new Highlights();
  const path = image.path ?? 'image';
  const name = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
  const shown = { uri: path, name, source: image.source ?? '' };
  const caption: Caption | undefined = (views.tokens ?? views.occlusion ?? views.counterfactuals)?.caption;
  const result: CaptionResult = {
    model,
    title: model.id,
    image: {
      sha256: image.sha256 ?? '',
      width: image.width ?? 0,
      height: image.height ?? 0,
      captions: image.captions ?? (caption ? [caption] : []),
      prefix: image.prefix ?? [],
      timings: image.timings ?? { decode: 0, preprocess: 0, encode: 0, map: 0, generate: 0, interpret: 0 },
    },
  };
  document.title = `${name}: Prefix Lens`;
  drawImage(figure, shown);
  drawCaption(about, name, result, tooltip, { copy, retry: () => undefined }, highlights);
  const lens = makeLens(
    section,
    {
      tooltip,
      highlights,
      readOnly: true,
      copy,
      ask: <Name extends LensView>(view: Name) => {
        const data: Data<Name> | undefined = views[view];
        return data === undefined
          ? Promise.reject(new Error('The report has no data of this view.'))
          : Promise.resolve(data);
      },
      pick: () => Promise.resolve([]),
      save: (view, format, content) => {
        download(`${name}.${view}.${format}`, content, format);
        return Promise.resolve(true);
      },
      kept: () => undefined,
      keep: () => undefined,
    },
    undefined,
    () => undefined,
    lensViews.filter((view) => views[view] !== undefined),
  );
  const { width, height } = result.image;
  lens.open({ ...shown, ...(width > 0 && height > 0 ? { width, height } : {}), result });
}

function copy(text: string): void {
  void navigator.clipboard.writeText(text);
}

function download(name: string, content: string, format: SavedFormat): void {
  const bytes = format === 'png' ? Uint8Array.from(atob(content), (letter) => letter.codePointAt(0) ?? 0) : content;
  const address = URL.createObjectURL(new Blob([bytes], { type: types[format] }));
  make('a', { href: address, download: name }).click();
  setTimeout(() => {
    URL.revokeObjectURL(address);
  }, 10_000);
}
