/** Said once, when the built-in pack is first in use: what the built-in pack was trained on, and the way to another pack. */
import { Uri, commands, window, type Disposable, type ExtensionContext } from 'vscode';
import type { LanguageServer } from './languageServer.js';
import { modelSetting } from './modelSetting.js';
import { readPackSummary } from './packSummary.js';

const shownKey = 'clipcap.licenceNoteShown';

/** Shows the note as soon as the server has the built-in pack ready, whatever it was first needed for. */
export function showLicenceNoteOnce(context: ExtensionContext, server: LanguageServer): Disposable {
  let shown = context.globalState.get(shownKey, false);
  return server.onStatus(({ state }) => {
    if (shown || state !== 'ready' || modelSetting() !== 'builtin') return;
    shown = true;
    void showLicenceNote(context);
  });
}

async function showLicenceNote({ globalState, extensionUri }: ExtensionContext): Promise<void> {
  // A pack that cannot be read is told better by captioning.
  const notice = (await readPackSummary(Uri.joinPath(extensionUri, 'models', 'builtin')))?.notice;
  if (notice === undefined) return;
  await globalState.update(shownKey, true);
  const choice = await window.showInformationMessage(notice, 'Use Another Pack');
  if (choice !== undefined) {
    await commands.executeCommand('markdown.showPreview', Uri.joinPath(extensionUri, 'docs', 'models.md'));
  }
}
