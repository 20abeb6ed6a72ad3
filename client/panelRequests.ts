/** What the webview asks its host: views of the image, files to choose, a place to save to. Each gets one answer. */
import { CancellationTokenSource, Uri, window, workspace, type CancellationToken, type Webview } from 'vscode';
import { fromResponseError } from '@clipcap/protocol/error';
import type { LensParams, LensResult } from '@clipcap/protocol/lens';
import type { PanelRequest, PanelRequests, PickedImage, SavedFormat, ToWebview } from '@clipcap/protocol/panel';
import { nameOf } from './images.js';

type Answer = PanelRequests[PanelRequest['method']]['data'];

export type AskLens = (params: LensParams, token: CancellationToken) => Promise<LensResult>;

const extensions = ['jpg', 'jpeg', 'png', 'webp', 'gif', 'avif', 'tif', 'tiff'];
const formatNames: Readonly<Record<SavedFormat, string>> = { svg: 'SVG', png: 'PNG', csv: 'CSV', json: 'JSON' };

/** Answers one webview; what is pending when it goes is cancelled. */
export class PanelAnswers {
  readonly #webview: Webview;
  readonly #lens: AskLens;
  readonly #pending = new Map<number, CancellationTokenSource>();

  constructor(webview: Webview, lens: AskLens) {
    this.#webview = webview;
    this.#lens = lens;
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
    if (request.method === 'pick') return this.#pick(request.params.title, image);
    if (request.method === 'save') return save(request.params, image);
    if (!image) throw new Error('The panel shows no image.');
    return (await this.#lens({ uri: image.toString(), ...request.params }, token)).data;
  }

  async #pick(title: string, image: Uri | undefined): Promise<readonly PickedImage[]> {
    const chosen = await window.showOpenDialog({
      title,
      canSelectMany: true,
      filters: { Images: extensions },
      ...(image ? { defaultUri: Uri.joinPath(image, '..') } : {}),
    });
    return (chosen ?? []).map((uri) => ({
      uri: uri.toString(),
      name: nameOf(uri),
      source: this.#webview.asWebviewUri(uri).toString(),
    }));
  }
}

async function save(
  { name, format, content }: PanelRequests['save']['params'],
  image: Uri | undefined,
): Promise<boolean> {
  const file = `${image ? nameOf(image) : 'prefix'}.${name}.${format}`;
  const target = await window.showSaveDialog({
    title: `Save as ${formatNames[format]}`,
    filters: { [formatNames[format]]: [format] },
    ...(image ? { defaultUri: Uri.joinPath(image, '..', file) } : {}),
  });
  if (!target) return false;
  await workspace.fs.writeFile(target, Buffer.from(content, format === 'png' ? 'base64' : 'utf8'));
  return true;
}
