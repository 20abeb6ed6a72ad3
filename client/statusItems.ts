/** The server's health where people look for it: one status bar item, and the same in the language status. */
import {
  Disposable,
  LanguageStatusSeverity,
  MarkdownString,
  StatusBarAlignment,
  TabInputWebview,
  ThemeColor,
  languages,
  window,
  workspace,
} from 'vscode';
import type { ServerStatus } from '@clipcap/protocol/language';
import { activeTab, imageOfTab } from './images.js';
import type { LanguageServer } from './languageServer.js';
import { panelViewType } from './panel.js';

const icons: Readonly<Record<ServerStatus['state'], string>> = {
  idle: '$(eye)',
  loading: '$(loading~spin)',
  ready: '$(eye)',
  failed: '$(error)',
};

const words: Readonly<Record<ServerStatus['state'], string>> = {
  idle: 'idle, starts with the next image',
  loading: 'loading',
  ready: 'ready',
  failed: 'failed',
};

const readLanguages = ['markdown', 'html'];

/** Shows the server's health until disposed. */
export function showStatus(server: LanguageServer): Disposable {
  const bar = window.createStatusBarItem('clipcap.status', StatusBarAlignment.Right, 90);
  bar.name = 'ClipCap Lens';
  bar.command = 'clipcap.showLog';
  const selector = readLanguages.map((language) => ({ language, scheme: 'file' }));
  const pack = languages.createLanguageStatusItem('clipcap.pack', selector);
  pack.name = 'ClipCap Model';
  pack.command = { command: 'clipcap.chooseModel', title: 'Choose Model…' };
  const inference = languages.createLanguageStatusItem('clipcap.inference', selector);
  inference.name = 'ClipCap Inference';
  inference.command = { command: 'clipcap.restart', title: 'Restart' };

  function update(): void {
    const { status } = server;
    const { state } = status;
    const summary = `ClipCap: model ${status.pack}, provider ${status.provider}, ${words[state]}`;
    const explained = status.reason === undefined ? summary : `${summary}: ${status.reason}`;
    const severity = state === 'failed' ? LanguageStatusSeverity.Error : LanguageStatusSeverity.Information;

    bar.text = `${icons[state]} ClipCap`;
    bar.tooltip = tooltip(status);
    bar.accessibilityInformation = { label: explained, role: 'button' };
    bar.backgroundColor = state === 'failed' ? new ThemeColor('statusBarItem.errorBackground') : undefined;
    if (state === 'loading' || state === 'failed' || concernsUs()) bar.show();
    else bar.hide();

    pack.text = withoutLinks(`ClipCap model: ${status.pack}`);
    inference.text = withoutLinks(`Provider ${status.provider}: ${words[state]}`);
    // An item has one command: others are links in its detail.
    const detail = (reason: string | undefined): string => (reason === undefined ? '' : `${withoutLinks(reason)} `);
    const log = '[Show Log](command:clipcap.showLog)';
    pack.detail = `${detail(status.reason)}${log} · [Restart](command:clipcap.restart)`;
    inference.detail = `${detail(status.reason ?? unusedProviders(status))}${log}`;
    for (const item of [pack, inference]) {
      item.severity = severity;
      item.busy = state === 'loading';
      item.accessibilityInformation = { label: explained };
    }
  }

  update();
  return Disposable.from(
    bar,
    pack,
    inference,
    server.onStatus(update),
    window.tabGroups.onDidChangeTabs(update),
    window.tabGroups.onDidChangeTabGroups(update),
    window.onDidChangeActiveTextEditor(update),
    // A document that takes another language is opened anew.
    workspace.onDidOpenTextDocument(update),
  );
}

/** Whether an image, the panel or a document whose images we caption is in front. */
function concernsUs(): boolean {
  const tab = activeTab();
  if (imageOfTab(tab)) return true;
  if (tab?.input instanceof TabInputWebview) return tab.input.viewType.endsWith(panelViewType);
  const document = window.activeTextEditor?.document;
  return document?.uri.scheme === 'file' && readLanguages.includes(document.languageId);
}

/** The language status makes links of text in brackets: names and reasons come from outside, and shall make none. */
function withoutLinks(text: string): string {
  return text.replaceAll('](', '] (');
}

/** A phrase for each provider that is not in use, saying why; undefined if there is none. */
function unusedProviders({ unused = [] }: ServerStatus): string | undefined {
  if (unused.length === 0) return undefined;
  return unused.map(({ provider, reason }) => `${provider} not used: ${reason}`).join('; ');
}

function tooltip(status: ServerStatus): MarkdownString {
  const { state, pack, provider, reason } = status;
  const text = new MarkdownString('**ClipCap Lens**\n\n', true);
  text.isTrusted = { enabledCommands: ['clipcap.showLog', 'clipcap.restart', 'clipcap.chooseModel'] };
  text.appendText(
    [`Model ${pack}`, `Provider ${provider}`, `State ${words[state]}`, unusedProviders(status) ?? ''].join('\n').trim(),
  );
  if (reason !== undefined) text.appendMarkdown('\n\n$(error) ').appendText(reason);
  return text.appendMarkdown(
    '\n\n[Choose model](command:clipcap.chooseModel) · [Show log](command:clipcap.showLog) · [Restart](command:clipcap.restart)',
  );
}
