/** Said once, at the first caption: what the built-in pack was trained on, and the way to another pack. */
import { Uri, commands, window, workspace, type ExtensionContext } from 'vscode';

const shownKey = 'clipcap.licenceNoteShown';

export async function showLicenceNote({ globalState, extensionUri }: ExtensionContext): Promise<void> {
  const model = workspace.getConfiguration('clipcap').get('model', 'builtin');
  if (model !== 'builtin' || globalState.get(shownKey, false)) return;
  const notice = await readNotice(Uri.joinPath(extensionUri, 'models', 'builtin', 'pack.json'));
  if (notice === undefined) return;
  await globalState.update(shownKey, true);
  const choice = await window.showInformationMessage(notice, 'Import Another Pack');
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
