/** The setting that names the model. */
import { workspace } from 'vscode';

/** `builtin` or a pack's folder. */
export function modelSetting(): string {
  return workspace.getConfiguration('clipcap').get('model', 'builtin');
}

/** Names the model in the settings of the workspace if they name one already, which would win, else in the user's. */
export async function useModel(model: string): Promise<void> {
  const configuration = workspace.getConfiguration('clipcap');
  const isOfUser = configuration.inspect('model')?.workspaceValue === undefined;
  await configuration.update('model', model, isOfUser);
}
