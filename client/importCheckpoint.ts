/** "Import Checkpoint…": asks for what an import needs, and for what shapes do not tell, and makes the pack. */
import { readdir } from 'node:fs/promises';
import {
  ProgressLocation,
  Uri,
  window,
  type LogOutputChannel,
  type OpenDialogOptions,
  type QuickPickItem,
} from 'vscode';
import type { ImportDocument } from '@clipcap/protocol/import';
import type { ListedModel, ModelsDocument } from '@clipcap/protocol/models';
import { fromResponseError } from '@clipcap/protocol/error';
import { runCommandLine } from './commandLineProcess.js';
import { nameOf } from './images.js';
import { askWhatIsOpen } from './importQuestions.js';
import { useModel } from './modelSetting.js';
import { showFailure } from './showFailure.js';

interface ImportContext {
  /** `dist/cli.mjs` */
  readonly module: string;
  /** The folder that takes packs. */
  readonly packs: Uri;
  readonly log: LogOutputChannel;
}

const dtypes: readonly (QuickPickItem & { readonly dtype: string })[] = [
  { dtype: 'fp32', label: '32 bit', description: 'exactly what PyTorch computes' },
  { dtype: 'fp16', label: '16 bit', description: 'half the size on disk' },
  { dtype: 'q8', label: '8 bit', description: 'a quarter of the size, twice as fast, nearly the same captions' },
  { dtype: 'q4', label: '4 bit', description: 'smallest and fastest, other captions' },
];

/** Asks, imports, and offers to use the pack. Stepping back from any question ends it. */
export async function importCheckpoint({ module, packs, log }: ImportContext): Promise<void> {
  const downloaded = await downloadedModels(module, log);
  const checkpoint = await pickCheckpoint(downloaded);
  const encoder = checkpoint && (await pickEncoder(downloaded, checkpoint));
  const dtype = encoder && (await window.showQuickPick(dtypes, { title: 'How should the pack store weights?' }));
  if (!checkpoint || !encoder || !dtype) return;
  const id = await packName(checkpoint, packs);
  if (id === undefined) return;
  const out = Uri.joinPath(packs, id).fsPath;
  const run = (doing: string, told: readonly string[]): Thenable<ImportDocument> =>
    window.withProgress(
      { location: ProgressLocation.Notification, title: `${doing} ${checkpoint.name}`, cancellable: true },
      (progress, token) =>
        runCommandLine<ImportDocument>(
          ['import', checkpoint.path, '--encoder', encoder.path, '--dtype', dtype.dtype, '--out', out, ...told],
          { module, token, progress: (message) => progress.report({ message }) },
        ),
    );
  try {
    const answers = await askWhatIsOpen((told) => run('Reading', [...told, '--dry-run']));
    if (!answers) return;
    const document = await run('Importing', answers);
    await showImported(document, out, log);
  } catch (cause) {
    const error = fromResponseError(cause);
    if (error.code === 'cancelled') return;
    log.error(error.message);
    await showFailure(error.message, log);
  }
}

/** The checkpoint's name; people are asked only where it cannot be a pack's, or is another one's. */
async function packName({ name: file }: Source, packs: Uri): Promise<string | undefined> {
  const taken = new Set(await readdir(packs.fsPath).catch(() => []));
  const problem = (name: string): string | undefined =>
    taken.has(name)
      ? `There is a pack “${name}” already.`
      : /^[\w.-]*\w[\w.-]*$/u.test(name)
        ? undefined
        : 'Only letters, digits, dots, dashes and underscores.';
  const name = file.replace(/\.[^.]*$/u, '');
  // What is proposed is not validated before it is changed.
  const prompt = problem(name);
  if (prompt === undefined) return name;
  return window.showInputBox({
    title: 'What should the model pack be called?',
    prompt,
    value: name,
    validateInput: problem,
  });
}

/** A file, a folder, or a downloaded model, as the command line takes it. */
interface Source {
  readonly path: string;
  /** What people call it. */
  readonly name: string;
  /** Of a downloaded model: the ids of its partners. */
  readonly goesWith?: readonly string[];
}

type SourceItem = QuickPickItem & { readonly choose: () => Thenable<Source | undefined> };

/** What “Get a Model…” has fetched; none if the list cannot be had, which is no reason not to import. */
async function downloadedModels(module: string, log: LogOutputChannel): Promise<ListedModel[]> {
  try {
    const { models } = await runCommandLine<ModelsDocument>(['models'], { module });
    return models.filter(({ path }) => path !== undefined);
  } catch (cause) {
    log.warn(fromResponseError(cause).message);
    return [];
  }
}

function checkpointOnDisk(): Promise<Source | undefined> {
  return pickPath({
    title: 'ClipCap checkpoint',
    filters: { 'PyTorch or safetensors': ['pt', 'pth', 'bin', 'ckpt', 'safetensors'], 'All files': ['*'] },
  });
}

async function pickCheckpoint(downloaded: readonly ListedModel[]): Promise<Source | undefined> {
  const checkpoints = downloaded.filter(({ kind }) => kind === 'checkpoint').map((model) => itemOf(model));
  if (checkpoints.length === 0) return checkpointOnDisk();
  const file = { label: 'File…', description: 'PyTorch or safetensors', choose: checkpointOnDisk };
  const picked = await window.showQuickPick([...checkpoints, file], { title: 'Which ClipCap checkpoint?' });
  return picked?.choose();
}

/** What was downloaded comes first, and of that what the checkpoint goes with. */
async function pickEncoder(downloaded: readonly ListedModel[], { goesWith = [] }: Source): Promise<Source | undefined> {
  const encoders = downloaded.filter(({ kind }) => kind === 'encoder');
  const partners = encoders.filter(({ id }) => goesWith.includes(id));
  const items: SourceItem[] = [
    ...partners.map((model) => itemOf(model, 'goes with this checkpoint')),
    ...encoders.filter((model) => !partners.includes(model)).map((model) => itemOf(model)),
    {
      label: 'Folder…',
      description: 'CLIP, ViT or DINOv2 in Hugging Face’s layout',
      choose: () => pickPath({ title: 'Image encoder', canSelectFolders: true, canSelectFiles: false }),
    },
    {
      label: 'File…',
      description: 'OpenAI’s archive (ViT-B-32.pt), or an ONNX encoder',
      choose: () =>
        pickPath({
          title: 'Image encoder',
          filters: { Encoder: ['pt', 'onnx', 'safetensors'], 'All files': ['*'] },
        }),
    },
  ];
  const picked = await window.showQuickPick(items, { title: 'Which image encoder was it trained with?' });
  return picked?.choose();
}

function itemOf({ id, title, goesWith }: ListedModel, why = 'downloaded'): SourceItem {
  const source = { path: id, name: id.replace(/^.*\//u, ''), goesWith };
  return { label: title, description: why, choose: () => Promise.resolve(source) };
}

async function pickPath(options: OpenDialogOptions): Promise<Source | undefined> {
  const [picked] = (await window.showOpenDialog(options)) ?? [];
  return picked && { path: picked.fsPath, name: nameOf(picked) };
}

async function showImported(
  { pack, findings, check, warning }: ImportDocument,
  out: string,
  log: LogOutputChannel,
): Promise<void> {
  log.info(`Imported ${out}: ${pack.encoder}, ${pack.mapper}, ${pack.dtype}`);
  for (const { what, value, from } of findings) log.info(`  ${what}: ${value} (${from})`);
  if (check) log.info(`  self-check: the prefix changes by ${(100 * check.prefixDifference).toFixed(1)} %`);
  if (warning !== undefined) log.warn(warning);
  const use = 'Use It';
  const labels = findings.find(({ what }) => what === 'labels');
  const sentences = [`${pack.title} was imported: ${pack.encoder}, ${pack.mapper}.`];
  if (warning !== undefined) sentences.push(warning);
  if (labels) sentences.push(`Labels: ${labels.value}.`);
  const show = warning === undefined ? window.showInformationMessage : window.showWarningMessage;
  const choice = await show(sentences.join(' '), use, 'Show Log');
  if (choice === use) await useModel(out);
  else if (choice !== undefined) log.show();
}
