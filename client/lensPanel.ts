/** One panel of the Prefix Lens: shows one image at a time, and frees everything when it is closed. */
import { CancellationTokenSource, Uri, env, type CancellationToken, type WebviewPanel } from 'vscode';
import type { CaptionResult } from '@clipcap/protocol/caption';
import { fromResponseError } from '@clipcap/protocol/error';
import { readPanelMessage } from '@clipcap/protocol/panelMessages';
import type { PanelImage, PanelMode, ToWebview } from '@clipcap/protocol/panel';
import { nameOf } from './images.js';
import { panelHtml } from './panelHtml.js';
import { PanelAnswers, type AskServer } from './panelRequests.js';

export interface PanelContext {
  /** The folder of the webview's script and style. */
  readonly dist: Uri;
  readonly caption: (uri: string, token: CancellationToken) => Promise<CaptionResult>;
  readonly server: AskServer;
}

export class LensPanel {
  readonly panel: WebviewPanel;
  readonly #context: PanelContext;
  readonly #answers: PanelAnswers;
  #mode: PanelMode = 'inspected';
  /** Of an earlier life of the window; shown once the webview is there to see it. */
  readonly #restored: Uri | undefined;
  #uri: Uri | undefined;
  /** What the webview shows, said again whenever its script starts anew. */
  #shown: ToWebview | undefined;
  #run: CancellationTokenSource | undefined;

  /** Takes over a panel; `uri` is the image that it showed before, if it comes from an earlier life of the window. */
  constructor(panel: WebviewPanel, context: PanelContext, uri: Uri | undefined) {
    this.panel = panel;
    this.#context = context;
    this.#restored = uri;
    this.#answers = new PanelAnswers(panel.webview, context.server);
    panel.webview.onDidReceiveMessage((message: unknown) => {
      this.#receive(message);
    });
    panel.onDidDispose(() => {
      this.#run?.cancel();
      this.#answers.cancelAll();
      this.#shown = undefined;
    });
    if (uri) this.#title(uri);
    this.#allow(uri);
    panel.webview.html = panelHtml(panel.webview, context.dist);
  }

  get mode(): PanelMode {
    return this.#mode;
  }

  shows(uri: Uri): boolean {
    return this.#uri?.toString() === uri.toString();
  }

  /** Captions an image and shows it, in place of the one before. */
  async show(uri: Uri): Promise<void> {
    this.#run?.cancel();
    this.#answers.cancelAll();
    const run = new CancellationTokenSource();
    this.#run = run;
    this.#uri = uri;
    this.#allow(uri);
    this.#title(uri);
    const source = this.panel.webview.asWebviewUri(uri).toString();
    const image: PanelImage = { uri: uri.toString(), name: nameOf(uri), source };
    this.#say({ type: 'loading', image });
    const outcome = await this.#context.caption(image.uri, run.token).then(
      (result): ToWebview => ({ type: 'result', image, result }),
      (error: unknown): ToWebview => ({ type: 'failed', image, message: fromResponseError(error).message }),
    );
    if (this.#run === run && !run.token.isCancellationRequested) this.#say(outcome);
    run.dispose();
  }

  /** Lets the webview load our scripts and files of the image's folder, of which it is told the image only. */
  #allow(uri: Uri | undefined): void {
    const roots = [this.#context.dist, ...(uri ? [Uri.joinPath(uri, '..')] : [])];
    this.panel.webview.options = { enableScripts: true, localResourceRoots: roots };
  }

  #title(uri: Uri): void {
    this.panel.title = `Prefix: ${nameOf(uri)}`;
  }

  #receive(message: unknown): void {
    const read = readPanelMessage(message);
    switch (read?.type) {
      case 'ready': {
        this.#answers.cancelAll();
        const uri = this.#uri ?? (read.uri === undefined ? this.#restored : Uri.parse(read.uri, true));
        if (this.#shown) this.#post(this.#shown);
        else if (uri) void this.show(uri);
        else this.#post({ type: 'empty' });
        break;
      }
      case 'copy':
        void env.clipboard.writeText(read.text);
        break;
      case 'retry':
        if (this.#uri) void this.show(this.#uri);
        break;
      case 'mode':
        this.#mode = read.mode;
        break;
      case 'request':
        void this.#answers.answer(read, this.#uri);
        break;
      case 'cancel':
        this.#answers.cancel(read.id);
        break;
      case 'refused':
        this.#post({ type: 'error', id: read.id, message: read.message, code: 'usage' });
        break;
      case undefined:
        break;
    }
  }

  #say(message: ToWebview): void {
    this.#shown = message;
    this.#post(message);
  }

  #post(message: ToWebview): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a webview's takes none
    void this.panel.webview.postMessage(message);
  }
}
