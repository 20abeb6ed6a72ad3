/** Said once, at the first caption: what the built-in pack was trained on, and the way to another pack. */
import { Uri, commands, window, workspace, type ExtensionContext } from 'vscode';

const shownKey = 'clipcap.licenceNoteShown';

export async function showLicenceNote({ globalState, extensionUri }: ExtensionContext): Promise<void> {
  const model = workspace.getConfiguration('clipcap').get('model', 'builtin');
  if (model !== 'builtin' || globalState.get(shownKey, false)) return;
  await globalState.update(shownKey, true);
  const choice = await window.showInformationMessage(
    'The built-in caption model was trained on Flickr8k, which asks for research use only.',
    'Import Another Pack',
  );
  if (choice !== undefined) {
    await commands.executeCommand('markdown.showPreview', Uri.joinPath(extensionUri, 'docs', 'models.md'));
  }
}
