/** What arrives from the webview, checked before anything is done about it. */
import { Uri } from 'vscode';
import { namesImage } from '@clipcap/protocol/imageFile';
import { lensViews, type LensParams } from '@clipcap/protocol/lens';
import { panelModes, savedFormats, type FromWebview, type PanelRequest } from '@clipcap/protocol/panel';

/** A message of the webview whose image, if it names one, has become a URI. */
export type PanelMessage =
  { readonly type: 'ready'; readonly uri: Uri | undefined } | Exclude<FromWebview, { type: 'ready' }>;

/** Bounds of what a webview may send: the options of a view, a text to copy, a picture to save. */
const limits = { params: 200_000, text: 5_000_000, saved: 100_000_000 };

export function readPanelMessage(message: unknown): PanelMessage | undefined {
  if (!isRecord(message)) return undefined;
  switch (message['type']) {
    case 'ready':
      return { type: 'ready', uri: imageUri(message['uri']) };
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
      return isId(message['id']) ? { type: 'cancel', id: message['id'] } : undefined;
    case 'request':
      return isId(message['id']) && isRecord(message['params'])
        ? readRequest(message['id'], message['method'], message['params'])
        : undefined;
    default:
      return undefined;
  }
}

/** The image of a webview's kept state (a `PanelImage`). */
export function readPanelState(state: unknown): Uri | undefined {
  return isRecord(state) ? imageUri(state['uri']) : undefined;
}

function readRequest(id: number, method: unknown, params: Record<string, unknown>): PanelRequest | undefined {
  switch (method) {
    case 'lens': {
      const read = readLens(params);
      return read && { type: 'request', id, method, params: read };
    }
    case 'pick': {
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
  const view = lensViews.find((known) => known === asked['view']);
  const { params, reference } = asked;
  if (!view || !isRecord(params) || JSON.stringify(asked).length > limits.params) return undefined;
  const interventions = Array.isArray(params['interventions']) ? params['interventions'].filter(isRecord) : [];
  const named = [params['others'] ?? [], reference ?? [], interventions.flatMap(({ other }) => other ?? [])];
  if (!named.every((uris) => Array.isArray(uris) && uris.every((uri) => imageUri(uri) !== undefined))) return undefined;
  const images = Array.isArray(reference) ? reference.filter((uri) => typeof uri === 'string') : [];
  return { view, params, ...(images.length > 0 ? { reference: images } : {}) };
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

function imageUri(value: unknown): Uri | undefined {
  if (typeof value !== 'string') return undefined;
  try {
    const uri = Uri.parse(value, true);
    return uri.scheme === 'file' && namesImage(uri.path) ? uri : undefined;
  } catch {
    return undefined;
  }
}
