/** What the webview asks its host: views of the image, files to choose, a place to save to. Each gets one answer. */
import {
  CancellationTokenSource,
  FileType,
  Uri,
  window,
  workspace,
  type CancellationToken,
  type Webview,
} from 'vscode';
import { CaptionError, fromResponseError } from '@clipcap/protocol/error';
import {
  mostImages,
  type LensParams,
  type LensReport,
  type LensReportParams,
  type LensResult,
} from '@clipcap/protocol/lens';
import type { PanelRequest, PanelRequests, PickedImage, SavedFormat, ToWebview } from '@clipcap/protocol/panel';
import { nameOf } from './images.js';

type Answer = PanelRequests[PanelRequest['method']]['data'];

/** The language server's part of the answers. */
export interface AskServer {
  readonly lens: (params: LensParams, token: CancellationToken) => Promise<LensResult>;
  readonly report: (params: LensReportParams, token: CancellationToken) => Promise<LensReport>;
}

const extensions = ['jpg', 'jpeg', 'png', 'webp', 'gif', 'avif', 'tif', 'tiff'];
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
    if (request.method === 'pick') return this.#pick(request.params, image);
    if (request.method === 'save') return save(request.params, image);
    if (!image) throw new Error('The panel shows no image.');
    const asked = { uri: image.toString(), ...request.params };
    if ('view' in asked) return (await this.#server.lens(asked, token)).data;
    const target = await askWhere('lens.html', { 'Web page': ['html'] }, image);
    if (!target) return false;
    const { html } = await this.#server.report(asked, token);
    await workspace.fs.writeFile(target, Buffer.from(html, 'utf8'));
    return true;
  }

  /** @throws CaptionError `usage` if there are more images than a view takes, or none in the folder */
  async #pick(
    { title, from }: PanelRequests['pick']['params'],
    image: Uri | undefined,
  ): Promise<readonly PickedImage[]> {
    const chosen = await window.showOpenDialog({
      title,
      ...(from === 'folder'
        ? { canSelectFiles: false, canSelectFolders: true, openLabel: 'Take its images' }
        : { canSelectMany: true, filters: { Images: extensions } }),
      ...(image ? { defaultUri: Uri.joinPath(image, '..') } : {}),
    });
    const [folder] = chosen ?? [];
    const images = from === 'folder' && folder ? await imagesIn(folder) : (chosen ?? []);
    if (images.length > mostImages) {
      throw new CaptionError(
        'usage',
        `${images.length} images are more than the ${mostImages} that a view takes. Choose fewer.`,
      );
    }
    return images.map((uri) => ({
      uri: uri.toString(),
      name: nameOf(uri),
      source: this.#webview.asWebviewUri(uri).toString(),
    }));
  }
}

/** Those that lie in the folder itself, by name. */
async function imagesIn(folder: Uri): Promise<Uri[]> {
  const entries = await workspace.fs.readDirectory(folder);
  const names = entries
    .filter(
      ([name, type]) => (type & FileType.File) !== 0 && extensions.includes(name.replace(/^.*\./u, '').toLowerCase()),
    )
    .map(([name]) => name);
  if (names.length === 0)
    throw new CaptionError('empty-folder', `${folder.fsPath} has no image in it. Choose another folder.`);
  return names.toSorted().map((name) => Uri.joinPath(folder, name));
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
