/**
 * The report of `clipcap inspect --report`: all views of one image from the document that the page carries, drawn by the
 * panel's own views, read-only. The page asks nothing of any network.
 */
import type { Caption, CaptionResult } from '@clipcap/protocol/caption';
import { lensViews, type LensView, type ReportDocument } from '@clipcap/protocol/lens';
import type { SavedFormat } from '@clipcap/protocol/panel';
import { drawCaption, markTokens } from './caption.js';
import { Highlights } from './highlights.js';
import { drawImage, markRegion } from './image.js';
import { makeLens } from './lens.js';
import { make } from './make.js';
import { makeTooltip } from './tooltip.js';
import { fileName } from './views/items.js';
import type { Data } from './views/view.js';
import './report.css';
import './panel.css';
import './lens.css';
import './views/views.css';

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

function drawReport({ model, image, views, unavailable = {}, thumbnails = {} }: ReportDocument): void {
  document.body.classList.add('report');
  const page = make('main');
  const figure = make('figure', { class: 'image' });
  const about = make('div', { class: 'about' });
  const section = make('section', { class: 'prefix', 'aria-label': 'Prefix Lens' });
  page.append(make('header', { class: 'top' }, figure, about), section);
  (document.getElementById('app') ?? document.body).append(page);
  const tooltip = makeTooltip(page);
  const highlights = new Highlights();
  markRegion(figure, highlights);
  markTokens(about, highlights);
  const { path, source, sha256, width, height } = image;
  const name = fileName(path);
  const shown = { uri: views.compare?.items[0]?.uri ?? path, name, source };
  const caption: Caption | undefined = (views.tokens ?? views.occlusion ?? views.counterfactuals)?.caption;
  const result: CaptionResult = {
    model,
    title: model.id,
    image: {
      sha256,
      width,
      height,
      captions: caption ? [caption] : [],
      prefix: [],
      timings: { decode: 0, preprocess: 0, encode: 0, map: 0, generate: 0, interpret: 0 },
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
        const why = unavailable[view]?.message ?? 'The report has no data of this view.';
        return data === undefined ? Promise.reject(new Error(why)) : Promise.resolve(data);
      },
      thumbnail: (uri) => {
        const picture = thumbnails[uri];
        return picture === undefined
          ? Promise.reject(new Error('The report has no picture of it.'))
          : Promise.resolve(picture);
      },
      pick: () => Promise.resolve({ images: [] }),
      pickPack: () => Promise.resolve(''),
      reference: () => [],
      refer: () => undefined,
      save: (view, format, content) => {
        download(`${name}.${view}.${format}`, content, format);
        return Promise.resolve(true);
      },
      kept: () => undefined,
      keep: () => undefined,
    },
    undefined,
    () => undefined,
    lensViews.filter((view) => views[view] !== undefined || unavailable[view] !== undefined),
  );
  lens.open({ ...shown, width, height, result });
}

/** Fails where the browser gives the page no clipboard, as over plain HTTP. */
async function copy(text: string): Promise<void> {
  await navigator.clipboard.writeText(text);
}

function download(name: string, content: string, format: SavedFormat): void {
  const bytes = format === 'png' ? Uint8Array.from(atob(content), (letter) => letter.codePointAt(0) ?? 0) : content;
  const address = URL.createObjectURL(new Blob([bytes], { type: types[format] }));
  make('a', { href: address, download: name }).click();
  setTimeout(() => {
    URL.revokeObjectURL(address);
  }, 10_000);
}
