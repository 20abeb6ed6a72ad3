/**
 * A fake: of the editor's API what the panels of the Prefix Lens and the commands' dialogs use, without an editor. `panels`
 * are those that are open, `user` is who answers.
 */
import { CancellationTokenSource, Emitter } from 'vscode-jsonrpc';
import { URI, Utils } from 'vscode-uri';

export { CancellationTokenSource };

export const Uri = Object.assign(URI, { joinPath: Utils.joinPath });
export const ViewColumn = { Beside: -2 };
export const ProgressLocation = { Notification: 15 };
export function TabInputText(): void {}
export function TabInputCustom(): void {}
export const FileType = {};
export const env = {};

/** By their whole names; any other setting has its default. */
export const settings = new Map<string, unknown>();
export const workspace = {
  getConfiguration: (section: string) => ({
    get: (name: string, byDefault?: unknown) => settings.get(`${section}.${name}`) ?? byDefault,
  }),
};

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

interface Notice {
  readonly kind: 'information' | 'warning' | 'error';
  readonly message: string;
}

export const user = {
  /** What is chosen, dialog by dialog: a label, or a file. Without an answer, a dialog is closed. */
  answers: [] as (string | URI)[],
  /** What was shown. */
  notices: [] as Notice[],
  /** The button of the last progress. */
  cancel: (): void => undefined,
};

function notice(kind: Notice['kind']) {
  return (message: string) => {
    user.notices.push({ kind, message });
    return Promise.resolve(user.answers.shift());
  };
}

const noTabs = { activeTab: undefined };

export const window = {
  tabGroups: { onDidChangeTabs: () => ({ dispose: () => undefined }), activeTabGroup: noTabs },
  createWebviewPanel: () => {
    const panel = new FakePanel();
    panels.push(panel);
    return panel;
  },
  showInformationMessage: notice('information'),
  showWarningMessage: notice('warning'),
  showErrorMessage: notice('error'),
  showOpenDialog: () => Promise.resolve(user.answers.splice(0, 1)),
  showQuickPick: (items: readonly { readonly label: string }[]) => {
    const chosen = user.answers.shift();
    return Promise.resolve(items.find(({ label }) => label === chosen));
  },
  withProgress: <Result>(
    _: unknown,
    run: (progress: object, token: CancellationTokenSource['token']) => Promise<Result>,
  ) => {
    const source = new CancellationTokenSource();
    user.cancel = () => source.cancel();
    return run({ report: () => undefined }, source.token);
  },
};
