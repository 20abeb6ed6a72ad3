/** Where VS Code enters: puts the parts together. */
import { Uri, window, type ExtensionContext } from 'vscode';
import { registerCommands } from './commands.js';
import { LanguageServer } from './languageServer.js';
import { showLicenceNoteOnce } from './licenceNote.js';
import { PrefixPanel, panelViewType } from './panel.js';
import { showStatus } from './statusItems.js';

let server: LanguageServer | undefined;

export function activate(context: ExtensionContext): void {
  const log = window.createOutputChannel('ClipCap Lens', { log: true });
  const started = new LanguageServer(context, log);
  const panel = new PrefixPanel({
    dist: Uri.joinPath(context.extensionUri, 'dist'),
    caption: (uri, token) => started.caption(uri, token),
    server: {
      lens: (params, token) => started.lens(params, token),
      report: (params, token) => started.report(params, token),
      thumbnail: (uri, token) => started.thumbnail(uri, token),
    },
  });
  context.subscriptions.push(
    log,
    started,
    panel,
    showStatus(started),
    showLicenceNoteOnce(context, started),
    window.registerWebviewPanelSerializer(panelViewType, panel),
    ...registerCommands({
      server: started,
      panel,
      log,
      cli: context.asAbsolutePath('dist/cli.mjs'),
      packs: Uri.joinPath(context.globalStorageUri, 'packs'),
      builtin: Uri.joinPath(context.extensionUri, 'models', 'builtin'),
      secrets: context.secrets,
    }),
  );
  server = started;
  void started.start();
}

/** Ends the server's process; VS Code waits for it. */
export async function deactivate(): Promise<void> {
  await server?.stop();
}
