/** “Get a Model…”: what there is, what it costs to download, and the download once the user has agreed. */
import {
  ProgressLocation,
  Uri,
  commands,
  env,
  window,
  type LogOutputChannel,
  type QuickPickItem,
  type SecretStorage,
} from 'vscode';
import { fromResponseError } from '@clipcap/protocol/error';
import type { GetDocument, ListedModel, ModelsDocument, QuestionDocument } from '@clipcap/protocol/models';
import { runCommandLine } from './commandLineProcess.js';
import { downloadEnvironment, setAccessToken } from './downloadEnvironment.js';

export interface DownloadContext {
  /** `dist/cli.mjs` */
  readonly module: string;
  readonly secrets: SecretStorage;
  readonly log: LogOutputChannel;
}

type ModelItem = QuickPickItem & { readonly model: ListedModel };

/** Asks which model, asks for consent, downloads, and says what to do with it. */
export async function getModel({ module, secrets, log }: DownloadContext): Promise<void> {
  try {
    const { models } = await runCommandLine<ModelsDocument>(['models'], { module });
    const picked = await window.showQuickPick(models.map(itemOf), {
      title: 'Which model? Nothing is downloaded before you have seen its size and agreed.',
      matchOnDetail: true,
    });
    if (!picked) return;
    const { model } = picked;
    if (model.page !== undefined) await openPage(model, model.page);
    else await download(model, { module, secrets, log });
  } catch (cause) {
    const error = fromResponseError(cause);
    if (error.code === 'cancelled') return;
    log.error(error.message);
    const [token, showLog] = ['Set Access Token…', 'Show Log'];
    // VS Code cuts a message short that has nothing to click.
    const offers = error.code === 'download-refused' ? [token, showLog] : [showLog];
    const choice = await window.showErrorMessage(error.message, ...offers);
    if (choice === showLog) log.show();
    else if (choice === token && (await setAccessToken(secrets))) await getModel({ module, secrets, log });
  }
}

async function download(model: ListedModel, { module, secrets, log }: DownloadContext): Promise<void> {
  const options = { module, env: await downloadEnvironment(secrets) };
  let asked = await runCommandLine<QuestionDocument>(['get', model.id, '--ask'], options);
  if (asked.question?.kind === 'size') {
    if (!(await agrees(asked.question, 'Ask for the Size'))) return;
    asked = await runCommandLine<QuestionDocument>(['get', model.id, '--ask', '--yes'], options);
  }
  if (asked.question && !(await agrees(asked.question, 'Download'))) return;
  const { folder } = await window.withProgress(
    { location: ProgressLocation.Notification, title: `Downloading ${model.title}`, cancellable: true },
    (progress, token) =>
      runCommandLine<GetDocument>(['get', model.id, '--yes'], {
        ...options,
        token,
        progress: (message) => progress.report({ message }),
      }),
  );
  log.info(`${model.id} is in ${folder}`);
  await offer(model, folder);
}

/** A dialog that holds everything else up: consent is never given in passing. */
async function agrees({ text, licence }: NonNullable<QuestionDocument['question']>, yes: string): Promise<boolean> {
  const detail = `Licence: ${licence}.`;
  return (await window.showInformationMessage(`${text}?`, { modal: true, detail }, yes)) === yes;
}

async function offer({ title, goesWith }: ListedModel, folder: string): Promise<void> {
  const [importIt, showIt, copyIt] = ['Import Checkpoint…', 'Show Folder', 'Copy Path'];
  const partner = goesWith.length > 0 ? ` It goes with ${goesWith.join(' or ')}.` : '';
  const choice = await window.showInformationMessage(`${title} is here.${partner}`, importIt, showIt, copyIt);
  if (choice === importIt) await commands.executeCommand('clipcap.importCheckpoint');
  else if (choice === showIt) await commands.executeCommand('revealFileInOS', Uri.file(folder));
  else if (choice === copyIt) await env.clipboard.writeText(folder);
}

/** What nothing but a browser can fetch. */
async function openPage({ title }: ListedModel, page: string): Promise<void> {
  const open = 'Open in Browser';
  const detail = `It lies on ${new URL(page).host}, which hands it to browsers only. Download it there, then run “ClipCap: Import Checkpoint…”.`;
  const choice = await window.showInformationMessage(title, { modal: true, detail }, open);
  if (choice === open) await env.openExternal(Uri.parse(page, true));
}

function itemOf(model: ListedModel): ModelItem {
  const { title, kind, sizeText, goodFor, path, page } = model;
  const where = path === undefined ? (page === undefined ? '' : ', by browser') : ', already here';
  return {
    model,
    label: title,
    description: `${kind}, ${sizeText}${where}`,
    // The licence is too long for a line of a list; it is in the question whether to download.
    detail: goodFor,
  };
}
