/** What arrives from the webview, checked before anything is done about it. */
import { Uri } from 'vscode';
import { namesImage } from '@clipcap/protocol/imageFile';
import type { FromWebview } from '@clipcap/protocol/panel';

/** A message of the webview whose image, if it names one, has become a URI. */
export type PanelMessage =
  { readonly type: 'ready'; readonly uri: Uri | undefined } | Exclude<FromWebview, { type: 'ready' }>;

export function readPanelMessage(message: unknown): PanelMessage | undefined {
  if (typeof message !== 'object' || message === null || !('type' in message)) return undefined;
  switch (message.type) {
    case 'ready':
      return { type: 'ready', uri: 'uri' in message ? imageUri(message.uri) : undefined };
    case 'copy':
      return 'text' in message && typeof message.text === 'string' ? { type: 'copy', text: message.text } : undefined;
    case 'retry':
      return { type: 'retry' };
    default:
      return undefined;
  }
}

/** The image of a webview's kept state (a `PanelImage`). */
export function readPanelState(state: unknown): Uri | undefined {
  return typeof state === 'object' && state !== null && 'uri' in state ? imageUri(state.uri) : undefined;
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
