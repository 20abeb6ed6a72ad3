/** How a failure is told. */
import { window, type LogOutputChannel } from 'vscode';

/** Shows a message in full (VS Code cuts one short that has nothing to click) and the way to the log. */
export async function showFailure(message: string, log: LogOutputChannel): Promise<void> {
  if ((await window.showErrorMessage(message, 'Show Log')) !== undefined) log.show();
}
