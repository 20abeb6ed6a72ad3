/** "Caption This Image": captions one image or several, shows the result and keeps it in the log. */
import {
  ProgressLocation,
  env,
  window,
  workspace,
  type CancellationToken,
  type LogOutputChannel,
  type Uri,
} from 'vscode';
import { captionWords, type CaptionResult } from '@clipcap/protocol/caption';
import { fromResponseError, type CaptionError } from '@clipcap/protocol/error';
import { nameOf } from './images.js';
import { showFailure } from './showFailure.js';

/** How many images of one call are on their way to the server at a time: enough to keep it busy, few enough for memory. */
const concurrency = 4;

type Outcome = { readonly uri: Uri } & ({ readonly result: CaptionResult } | { readonly error: CaptionError });

export interface CaptionImagesContext {
  readonly log: LogOutputChannel;
  readonly caption: (uri: string, token: CancellationToken) => Promise<CaptionResult>;
  readonly inspect: (uri: Uri) => void;
}

export async function captionImages(uris: readonly Uri[], context: CaptionImagesContext): Promise<void> {
  const [only] = uris;
  if (!only) return;
  const title = uris.length === 1 ? `Captioning ${nameOf(only)}` : `Captioning ${uris.length} images`;
  const outcomes = await window.withProgress(
    { location: ProgressLocation.Notification, title, cancellable: true },
    (progress, token) =>
      captionAll(uris, context, token, (outcome) => {
        progress.report({ message: nameOf(outcome.uri), increment: 100 / uris.length });
      }),
  );
  const [outcome] = outcomes;
  if (uris.length > 1) await showSummary(outcomes, uris.length, context);
  else if (outcome && 'result' in outcome) await showCaption(outcome.uri, outcome.result, context);
  else if (outcome) await showFailure(outcome.error.message, context.log);
}

/** Captions in order, several at a time. What was cancelled has no outcome. */
async function captionAll(
  uris: readonly Uri[],
  { caption, log }: CaptionImagesContext,
  token: CancellationToken,
  report: (outcome: Outcome) => void,
): Promise<Outcome[]> {
  const outcomes = new Map<Uri, Outcome>();
  const waiting = uris.values();
  async function work(): Promise<void> {
    for (const uri of waiting) {
      if (token.isCancellationRequested) return;
      const outcome = await caption(uri.toString(), token).then(
        (result): Outcome => ({ uri, result }),
        (error: unknown): Outcome => ({ uri, error: fromResponseError(error) }),
      );
      if (token.isCancellationRequested) return;
      if ('result' in outcome) log.info(`${uri.fsPath}: ${quoted(outcome.result)}`);
      else log.error(outcome.error.message);
      outcomes.set(uri, outcome);
      report(outcome);
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, uris.length) }, work));
  return uris.map((uri) => outcomes.get(uri)).filter((outcome) => outcome !== undefined);
}

async function showCaption(uri: Uri, result: CaptionResult, { inspect }: CaptionImagesContext): Promise<void> {
  const choice = await window.showInformationMessage(`${nameOf(uri)}: ${quoted(result)}`, 'Copy', 'Inspect');
  if (choice === 'Copy') await env.clipboard.writeText(result.image.captions[0]?.text ?? '');
  if (choice === 'Inspect') inspect(uri);
}

async function showSummary(outcomes: readonly Outcome[], asked: number, { log }: CaptionImagesContext): Promise<void> {
  const failed = outcomes.filter((outcome) => 'error' in outcome).length;
  const captioned = outcomes.length - failed;
  const cancelled = outcomes.length < asked;
  const message =
    `${cancelled ? 'Cancelled: captioned' : 'Captioned'} ${captioned} of ${asked} images` +
    (failed === 0 ? '.' : `; ${failed === 1 ? 'one' : failed} could not be captioned (see the log).`);
  const show = failed === 0 ? window.showInformationMessage : window.showWarningMessage;
  const [copy, showLog] = ['Copy All', 'Show Captions'];
  const choice = await show(message, ...(captioned > 0 ? [copy, showLog] : [showLog]));
  if (choice === copy) await env.clipboard.writeText(asTable(outcomes));
  else if (choice !== undefined) log.show();
}

/** A line for each caption: its image's path, a tab, the text; spreadsheets take it as a table. */
function asTable(outcomes: readonly Outcome[]): string {
  const lines = outcomes.flatMap((outcome) => {
    if (!('result' in outcome)) return [];
    const text = outcome.result.image.captions[0]?.text ?? '';
    return [`${workspace.asRelativePath(outcome.uri)}\t${text.replaceAll(/\s+/gu, ' ')}\n`];
  });
  return lines.join('');
}

/** `"a dog runs" (confidence 0.61)` */
function quoted({ image }: CaptionResult): string {
  const best = image.captions[0];
  return `“${captionWords(best)}” (confidence ${Math.exp(best?.score ?? -Infinity).toFixed(2)})`;
}
