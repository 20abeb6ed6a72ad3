/** The host of the prefix panel: one panel, reused, showing one image's caption and the words nearest to its prefix. */
import {
  CancellationTokenSource,
  Uri,
  ViewColumn,
  env,
  window,
  type CancellationToken,
  type Disposable,
  type WebviewPanel,
  type WebviewPanelSerializer,
} from 'vscode';
import type { CaptionResult } from '@clipcap/protocol/caption';
import { fromResponseError } from '@clipcap/protocol/error';
import type { PanelImage, ToWebview } from '@clipcap/protocol/panel';
import { nameOf } from './images.js';
import { panelHtml } from './panelHtml.js';
import { readPanelMessage, readPanelState } from './panelMessages.js';

export const panelViewType = 'clipcap.prefixLens';

interface PanelContext {
  /** The folder of the webview's script and style. */
  readonly dist: Uri;
  readonly caption: (uri: string, token: CancellationToken) => Promise<CaptionResult>;
}

export class PrefixPanel implements WebviewPanelSerializer, Disposable {
  readonly #context: PanelContext;
  #panel: WebviewPanel | undefined;
  #uri: Uri | undefined;
  /** What the webview shows, said again whenever its script starts anew. */
  #shown: ToWebview | undefined;
  #run: CancellationTokenSource | undefined;

  constructor(context: PanelContext) {
    this.#context = context;
  }

  /** Shows an image, in the panel there is or in a new one beside the editor. */
  inspect(uri: Uri): void {
    if (this.#panel) {
      this.#panel.reveal(undefined, true);
    } else {
      const place = { viewColumn: ViewColumn.Beside, preserveFocus: true };
      this.#adopt(window.createWebviewPanel(panelViewType, 'Prefix', place), uri);
    }
    void this.#show(uri);
  }

  /** A window was reloaded: the webview says itself, once it is ready, which image it showed. */
  deserializeWebviewPanel(panel: WebviewPanel, state: unknown): Promise<void> {
    this.#panel?.dispose();
    const uri = readPanelState(state);
    this.#adopt(panel, uri);
    if (uri) this.#title(uri);
    return Promise.resolve();
  }

  dispose(): void {
    this.#panel?.dispose();
  }

  #adopt(panel: WebviewPanel, uri: Uri | undefined): void {
    this.#panel = panel;
    panel.webview.onDidReceiveMessage((message: unknown) => {
      this.#receive(message);
    });
    panel.onDidDispose(() => {
      if (this.#panel !== panel) return;
      this.#run?.cancel();
      this.#panel = undefined;
      this.#shown = undefined;
      this.#uri = undefined;
    });
    this.#allow(uri);
    panel.webview.html = panelHtml(panel.webview, this.#context.dist);
  }

  /** Lets the webview load our script and the image, nothing else. */
  #allow(uri: Uri | undefined): void {
    if (!this.#panel) return;
    const roots = [this.#context.dist, ...(uri ? [Uri.joinPath(uri, '..')] : [])];
    this.#panel.webview.options = { enableScripts: true, localResourceRoots: roots };
  }

  #title(uri: Uri): void {
    if (this.#panel) this.#panel.title = `Prefix: ${nameOf(uri)}`;
  }

  #receive(message: unknown): void {
    const read = readPanelMessage(message);
    switch (read?.type) {
      case 'ready': {
        const uri = this.#uri ?? read.uri;
        if (this.#shown) this.#post(this.#shown);
        else if (uri) void this.#show(uri);
        break;
      }
      case 'copy':
        void env.clipboard.writeText(read.text);
        break;
      case 'retry':
        if (this.#uri) void this.#show(this.#uri);
        break;
      case undefined:
        break;
    }
  }

  async #show(uri: Uri): Promise<void> {
    if (!this.#panel) return;
    this.#run?.cancel();
    const run = new CancellationTokenSource();
    this.#run = run;
    this.#uri = uri;
    this.#allow(uri);
    this.#title(uri);
    const source = this.#panel.webview.asWebviewUri(uri).toString();
    const image: PanelImage = { uri: uri.toString(), name: nameOf(uri), source };
    this.#say({ type: 'loading', image });
    const outcome = await this.#context.caption(image.uri, run.token).then(
      (result): ToWebview => ({ type: 'result', image, result }),
      (error: unknown): ToWebview => ({ type: 'failed', image, message: fromResponseError(error).message }),
    );
    if (this.#run === run) this.#say(outcome);
    run.dispose();
  }

  #say(message: ToWebview): void {
    this.#shown = message;
    this.#post(message);
  }

  #post(message: ToWebview): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a webview's takes none
    void this.#panel?.webview.postMessage(message);
  }
}
