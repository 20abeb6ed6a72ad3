/** “Choose Model…”: the model packs that there are, and the setting that names the one in use. */
import {
  FileType,
  QuickPickItemKind,
  ThemeIcon,
  Uri,
  commands,
  window,
  workspace,
  type QuickInputButton,
  type QuickPickItem,
} from 'vscode';
import { nameOf } from './images.js';
import { modelSetting, useModel } from './modelSetting.js';
import { readPackSummary } from './packSummary.js';

interface ModelContext {
  /** The folder of imported packs. */
  readonly packs: Uri;
  /** The folder of the built-in pack. */
  readonly builtin: Uri;
}

/** An item of the list: a pack, or another way to one. */
type Choice = QuickPickItem & { readonly choose: () => Thenable<unknown>; readonly pack?: Uri };

const remove: QuickInputButton = { iconPath: new ThemeIcon('trash'), tooltip: 'Delete This Pack…' };
const inUse = '$(check) in use';

/** Lists the built-in model, imported packs and the ways to others; imported packs can be deleted there, too. */
export async function chooseModel(context: ModelContext): Promise<void> {
  const picker = window.createQuickPick<Choice>();
  picker.title = 'Which model should caption?';
  picker.matchOnDescription = true;
  picker.busy = true;
  const next = new Promise<(() => Thenable<unknown>) | undefined>((resolve) => {
    picker.onDidTriggerItemButton(({ item: { pack, label } }) => resolve(pack && (() => deletePack(pack, label))));
    picker.onDidAccept(() => resolve(picker.selectedItems[0]?.choose));
    picker.onDidHide(() => resolve(undefined));
  });
  picker.show();
  picker.items = await choices(context);
  picker.busy = false;
  const act = await next;
  picker.dispose();
  await act?.();
}

async function choices({ packs, builtin }: ModelContext): Promise<Choice[]> {
  const current = modelSetting();
  const [shipped, imported] = await Promise.all([readPackSummary(builtin), importedPacks(packs)]);
  const items: Choice[] = [
    {
      label: shipped?.title ?? 'Built-in model',
      description: described(['built in'], current === 'builtin'),
      choose: () => useModel('builtin'),
    },
    ...imported.map(({ folder, summary: { title, dtype } }) => ({
      label: title,
      description: described([nameOf(folder), dtype], current === folder.fsPath),
      pack: folder,
      buttons: [remove],
      choose: () => useModel(folder.fsPath),
    })),
  ];
  const listed = ['builtin', ...imported.map(({ folder }) => folder.fsPath)];
  if (!listed.includes(current)) {
    items.push({ label: current, description: inUse, choose: () => Promise.resolve() });
  }
  return [
    ...items,
    { label: '', kind: QuickPickItemKind.Separator, choose: () => Promise.resolve() },
    { label: 'Folder…', description: 'of a model pack', choose: () => chooseFolder() },
    {
      label: 'Import Checkpoint…',
      description: 'make a pack',
      choose: () => commands.executeCommand('clipcap.importCheckpoint'),
    },
    {
      label: 'Get a Model…',
      description: 'download what a pack is made of',
      choose: () => commands.executeCommand('clipcap.getModel'),
    },
  ];
}

function described(facts: readonly string[], isInUse: boolean): string {
  return [...facts, ...(isInUse ? [inUse] : [])].join(' · ');
}

/** Of folders only, by title; what is hidden is not finished. */
async function importedPacks(packs: Uri) {
  const entries = await workspace.fs.readDirectory(packs).then(
    (list) => list,
    () => [],
  );
  const folders = entries.filter(([name, type]) => type === FileType.Directory && !name.startsWith('.'));
  const found = await Promise.all(
    folders.map(async ([name]) => {
      const folder = Uri.joinPath(packs, name);
      const summary = await readPackSummary(folder);
      return summary && { folder, summary };
    }),
  );
  return found.filter((pack) => pack !== undefined).toSorted((a, b) => a.summary.title.localeCompare(b.summary.title));
}

async function chooseFolder(): Promise<void> {
  const [folder] =
    (await window.showOpenDialog({
      title: 'Model pack',
      openLabel: 'Use this pack',
      canSelectFiles: false,
      canSelectFolders: true,
    })) ?? [];
  if (!folder) return;
  if (await readPackSummary(folder)) await useModel(folder.fsPath);
  else
    await window.showErrorMessage(`${folder.fsPath} is not a model pack: it has no pack.json. Choose a pack’s folder.`);
}

/** Asks first: an import may have taken a download of hours. */
async function deletePack(pack: Uri, title: string): Promise<void> {
  const yes = 'Delete';
  const detail = `The folder ${pack.fsPath} is deleted. The checkpoint that it was made of stays.`;
  const choice = await window.showWarningMessage(`Delete the model pack “${title}”?`, { modal: true, detail }, yes);
  if (choice !== yes) return;
  // Its weights are mapped as long as it is in use.
  if (modelSetting() === pack.fsPath) await useModel('builtin');
  try {
    await workspace.fs.delete(pack, { recursive: true });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    await window.showErrorMessage(`${pack.fsPath} could not be deleted: ${reason}. Close what uses it, and try again.`);
  }
}
