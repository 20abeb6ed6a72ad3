/** A fake: of the editor's API what the panels of the Prefix Lens use, without an editor. `panels` are those that are open. */
import { CancellationTokenSource, Emitter } from 'vscode-jsonrpc';
import { URI, Utils } from 'vscode-uri';

export { CancellationTokenSource };

export const Uri = Object.assign(URI, { joinPath: Utils.joinPath });
export const ViewColumn = { Beside: -2 };
export function TabInputText(): void {}
export function TabInputCustom(): void {}
export const FileType = {};
export const env = {};
export const workspace = {};

export class FakePanel {
  title = '';
  readonly viewColumn = 1;
  /** What was posted to the webview. */
  readonly posted: unknown[] = [];
  /** What the webview says. */
  readonly says = new Emitter<unknown>();
  readonly #disposed = new Emitter<void>();
  readonly onDidDispose = this.#disposed.event;
  readonly webview = {
    html: '',
    options: {},
    cspSource: 'fake:',
    asWebviewUri: (uri: URI) => uri,
    onDidReceiveMessage: this.says.event,
    postMessage: (message: unknown) => {
      this.posted.push(message);
      return Promise.resolve(true);
    },
  };

  /** What the editor does when a panel's tab is closed. */
  dispose(): void {
    panels.splice(panels.indexOf(this), 1);
    this.#disposed.fire();
    this.#disposed.dispose();
    this.says.dispose();
  }
}

export const panels: FakePanel[] = [];

const noTabs = { activeTab: undefined };

export const window = {
  tabGroups: { onDidChangeTabs: () => ({ dispose: () => undefined }), activeTabGroup: noTabs },
  createWebviewPanel: () => {
    const panel = new FakePanel();
    panels.push(panel);
    return panel;
  },
};
