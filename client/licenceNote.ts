/** Said once, when the built-in pack is first in use: what the built-in pack was trained on, and the way to another pack. */
import { Uri, commands, window, workspace, type Disposable, type ExtensionContext } from 'vscode';
import type { LanguageServer } from './languageServer.js';

const shownKey = 'clipcap.licenceNoteShown';

/** Shows the note as soon as the server has the built-in pack ready, whatever it was first needed for. */
export function showLicenceNoteOnce(context: ExtensionContext, server: LanguageServer): Disposable {
  let shown = context.globalState.get(shownKey, false);
  return server.onStatus(({ state }) => {
    const model = workspace.getConfiguration('clipcap').get('model', 'builtin');
    if (shown || state !== 'ready' || model !== 'builtin') return;
    shown = true;
    void showLicenceNote(context);
  });
}

async function showLicenceNote({ globalState, extensionUri }: ExtensionContext): Promise<void> {
  const notice = await readNotice(Uri.joinPath(extensionUri, 'models', 'builtin', 'pack.json'));
  if (notice === undefined) return;
  await globalState.update(shownKey, true);
  const choice = await window.showInformationMessage(notice, 'Use Another Pack');
  if (choice !== undefined) {
    await commands.executeCommand('markdown.showPreview', Uri.joinPath(extensionUri, 'docs', 'models.md'));
  }
}

/** The sentence that the pack says about its licence; none if the pack cannot be read, which captioning tells better. */
async function readNotice(manifest: Uri): Promise<string | undefined> {
  try {
    const pack: unknown = JSON.parse(new TextDecoder().decode(await workspace.fs.readFile(manifest)));
    if (typeof pack !== 'object' || pack === null || !('licence' in pack)) return undefined;
    const { licence } = pack;
    const stated = typeof licence === 'object' && licence !== null && 'notice' in licence ? licence.notice : undefined;
    return typeof stated === 'string' ? stated : undefined;
  } catch {
    return undefined;
  }
}
