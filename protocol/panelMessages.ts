/** What arrives from a webview, checked by its host before anything is done about it: a webview is trusted with nothing. */
import { namesImage } from './imageFile.js';
import { lensViews, type LensParams, type LensReportParams, type LensView } from './lens.js';
import { panelModes, pickSources, savedFormats, type FromWebview, type PanelRequest } from './panel.js';

/** A request that is not what it should be gets an answer all the same: its webview waits for one. */
interface RefusedRequest {
  readonly type: 'refused';
  readonly id: number;
  readonly message: string;
}

/** Bounds of what a webview may send: the options of a view, a text to copy, a picture to save. */
const limits = { params: 200_000, text: 5_000_000, saved: 100_000_000 };

/** The message, without what it should not hold; undefined if it is none. Its URIs are those of image files. */
export function readPanelMessage(message: unknown): FromWebview | RefusedRequest | undefined {
  if (!isRecord(message)) return undefined;
  const { id, params } = message;
  switch (message['type']) {
    case 'ready': {
      const uri = imageUri(message['uri']);
      return uri === undefined ? { type: 'ready' } : { type: 'ready', uri };
    }
    case 'copy': {
      const { text } = message;
      return isText(text, limits.text) ? { type: 'copy', text } : undefined;
    }
    case 'retry':
      return { type: 'retry' };
    case 'mode': {
      const mode = panelModes.find((known) => known === message['mode']);
      return mode && { type: 'mode', mode };
    }
    case 'cancel':
      return isId(id) ? { type: 'cancel', id } : undefined;
    case 'request': {
      if (!isId(id)) return undefined;
      const read = isRecord(params) ? readRequest(id, message['method'], params) : undefined;
      return read ?? { type: 'refused', id, message: 'The panel asked for something that cannot be done.' };
    }
    default:
      return undefined;
  }
}

/** The URI of the image in a webview's kept state (a `PanelImage`). */
export function readPanelState(state: unknown): string | undefined {
  return isRecord(state) ? imageUri(state['uri']) : undefined;
}

function readRequest(id: number, method: unknown, params: Record<string, unknown>): PanelRequest | undefined {
  switch (method) {
    case 'lens': {
      const read = readLens(params);
      return read && { type: 'request', id, method, params: read };
    }
    case 'report': {
      const read = readReport(params);
      return read && { type: 'request', id, method, params: read };
    }
    case 'thumbnail': {
      const uri = imageUri(params['uri']);
      return uri === undefined ? undefined : { type: 'request', id, method, params: { uri } };
    }
    case 'pick': {
      const { title } = params;
      const from = pickSources.find((known) => known === params['from']);
      return from && isText(title, 200) ? { type: 'request', id, method, params: { title, from } } : undefined;
    }
    case 'pickPack': {
      const { title } = params;
      return isText(title, 200) ? { type: 'request', id, method, params: { title } } : undefined;
    }
    case 'save': {
      const { name, content } = params;
      const format = savedFormats.find((known) => known === params['format']);
      const plain = isText(name, 100) && /^[\w-]+$/u.test(name);
      return plain && format && isText(content, limits.saved)
        ? { type: 'request', id, method, params: { name, format, content } }
        : undefined;
    }
    default:
      return undefined;
  }
}

/** A view's options are checked in full by the server; here, that every file they name is an image file. */
function readLens(asked: Record<string, unknown>): Omit<LensParams, 'uri'> | undefined {
  const { view: name, params } = asked;
  const view = viewOf(name);
  const reference = imageUris(asked['reference']);
  if (!view || !reference || !isRecord(params) || !namesImagesOnly(params) || isLong(asked)) return undefined;
  return { view, params, ...(reference.length > 0 ? { reference } : {}) };
}

function readReport(asked: Record<string, unknown>): Omit<LensReportParams, 'uri'> | undefined {
  const reference = imageUris(asked['reference']);
  const { views } = asked;
  if (!reference || !isRecord(views) || isLong(asked)) return undefined;
  const known = Object.entries(views).every(
    ([view, params]) => viewOf(view) !== undefined && isRecord(params) && namesImagesOnly(params),
  );
  return known ? { views, ...(reference.length > 0 ? { reference } : {}) } : undefined;
}

function viewOf(name: unknown): LensView | undefined {
  return lensViews.find((known) => known === name);
}

function namesImagesOnly(params: Record<string, unknown>): boolean {
  const interventions = Array.isArray(params['interventions']) ? params['interventions'].filter(isRecord) : [];
  const swapped = interventions.flatMap(({ other }) => other ?? []);
  return imageUris(params['others']) !== undefined && imageUris(swapped) !== undefined;
}

/** None if there is no list; undefined if there is anything in it but URIs of image files. */
function imageUris(list: unknown): string[] | undefined {
  if (list === undefined) return [];
  if (!Array.isArray(list)) return undefined;
  const uris = list.map(imageUri).filter((uri) => uri !== undefined);
  return uris.length === list.length ? uris : undefined;
}

function isLong(asked: object): boolean {
  return JSON.stringify(asked).length > limits.params;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown, most: number): value is string {
  return typeof value === 'string' && value.length <= most;
}

function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value);
}

function imageUri(value: unknown): string | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) return undefined;
  const { protocol, pathname } = new URL(value);
  return protocol === 'file:' && namesImage(pathname) ? value : undefined;
}
