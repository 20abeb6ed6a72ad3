/** What the webview asks its host: views of the image, files to choose, a place to save to. Each gets one answer. */
import { CancellationTokenSource, Uri, window, workspace, type CancellationToken, type Webview } from 'vscode';
import { CaptionError, fromResponseError } from '@clipcap/protocol/error';
import {
  mostImages,
  type LensParams,
  type LensReport,
  type LensReportParams,
  type LensResult,
  type Thumbnail,
} from '@clipcap/protocol/lens';
import type { PanelRequest, PanelRequests, Picked, SavedFormat, ToWebview } from '@clipcap/protocol/panel';
import { imagesIn } from './folder.js';
import { imageExtensions, nameOf } from './images.js';

type Answer = PanelRequests[PanelRequest['method']]['data'];

/** The language server's part of the answers. */
export interface AskServer {
  readonly lens: (params: LensParams, token: CancellationToken) => Promise<LensResult>;
  readonly report: (params: LensReportParams, token: CancellationToken) => Promise<LensReport>;
  readonly thumbnail: (uri: string, token: CancellationToken) => Promise<Thumbnail>;
}

const formatNames: Readonly<Record<SavedFormat, string>> = { svg: 'SVG', png: 'PNG', csv: 'CSV', json: 'JSON' };

/** Answers one webview; what is pending when it goes is cancelled. */
export class PanelAnswers {
  readonly #webview: Webview;
  readonly #server: AskServer;
  readonly #pending = new Map<number, CancellationTokenSource>();

  constructor(webview: Webview, server: AskServer) {
    this.#webview = webview;
    this.#server = server;
  }

  /** Answers a request about the image that the panel shows. A failure is an answer too. */
  async answer(request: PanelRequest, image: Uri | undefined): Promise<void> {
    const { id } = request;
    if (this.#pending.has(id)) return;
    const run = new CancellationTokenSource();
    this.#pending.set(id, run);
    const answer = await this.#find(request, image, run.token).then(
      (data): ToWebview => ({ type: 'answer', id, data }),
      (error: unknown): ToWebview => {
        const { message, code } = fromResponseError(error);
        return { type: 'error', id, message, code };
      },
    );
    if (this.#pending.get(id) === run) {
      this.#pending.delete(id);
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a webview's takes none
      void this.#webview.postMessage(answer);
    }
    run.dispose();
  }

  cancel(id: number): void {
    this.#pending.get(id)?.cancel();
    this.#pending.delete(id);
  }

  /** The webview has gone or begins anew. */
  cancelAll(): void {
    for (const id of this.#pending.keys()) this.cancel(id);
  }

  async #find(request: PanelRequest, image: Uri | undefined, token: CancellationToken): Promise<Answer> {
    if (request.method === 'pick') return pick(request.params, image, token);
    if (request.method === 'pickPack') return pickPack(request.params.title);
    if (request.method === 'thumbnail') return (await this.#server.thumbnail(request.params.uri, token)).source;
    if (request.method === 'save') return save(request.params, image);
    if (!image) throw new Error('The panel shows no image. Choose one with “ClipCap: Inspect Prefix”.');
    const asked = { uri: image.toString(), ...request.params };
    if ('view' in asked) return (await this.#server.lens(asked, token)).data;
    const target = await askWhere('lens.html', { 'Web page': ['html'] }, image);
    if (!target) return false;
    const { html } = await this.#server.report(asked, token);
    await workspace.fs.writeFile(target, Buffer.from(html, 'utf8'));
    return true;
  }
}

/** @throws CaptionError `usage` if more images are chosen than a view takes, `empty-folder` */
async function pick(
  { title, from }: PanelRequests['pick']['params'],
  image: Uri | undefined,
  token: CancellationToken,
): Promise<Picked> {
  const chosen =
    (await window.showOpenDialog({
      title,
      ...(from === 'folder'
        ? { canSelectFiles: false, canSelectFolders: true, openLabel: 'Take its images' }
        : { canSelectMany: true, filters: { Images: imageExtensions } }),
      ...(image ? { defaultUri: Uri.joinPath(image, '..') } : {}),
    })) ?? [];
  const [folder] = chosen;
  if (from === 'folder' && folder) {
    const { images, note } = await imagesIn(folder, mostImages, token);
    return { images: images.map(picked), ...(note !== undefined && { note }) };
  }
  if (chosen.length > mostImages) {
    throw new CaptionError(
      'usage',
      `${chosen.length} images are more than the ${mostImages} that a view takes. Choose fewer.`,
    );
  }
  return { images: chosen.map(picked) };
}

async function pickPack(title: string): Promise<string> {
  const folders = { canSelectFiles: false, canSelectFolders: true };
  const [folder] = (await window.showOpenDialog({ title, openLabel: 'Take this pack', ...folders })) ?? [];
  return folder?.fsPath ?? '';
}

function picked(uri: Uri): Picked['images'][number] {
  return { uri: uri.toString(), name: nameOf(uri) };
}

function askWhere(
  ending: string,
  filters: Record<string, string[]>,
  image: Uri | undefined,
): Thenable<Uri | undefined> {
  const file = `${image ? nameOf(image) : 'prefix'}.${ending}`;
  const [kind = ''] = Object.keys(filters);
  const title = `Save as ${kind}`;
  return window.showSaveDialog({ title, filters, ...(image ? { defaultUri: Uri.joinPath(image, '..', file) } : {}) });
}

async function save(
  { name, format, content }: PanelRequests['save']['params'],
  image: Uri | undefined,
): Promise<boolean> {
  const target = await askWhere(`${name}.${format}`, { [formatNames[format]]: [format] }, image);
  if (!target) return false;
  await workspace.fs.writeFile(target, Buffer.from(content, format === 'png' ? 'base64' : 'utf8'));
  return true;
}
