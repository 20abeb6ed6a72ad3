/** `clipcap get`: downloads a model with the user's consent. */
import { Connection } from '@clipcap/models/download/connection';
import { fromEnvironment } from '@clipcap/models/download/environment';
import { getModel, type Question } from '@clipcap/models/download/getModel';
import { modelsFolder } from '@clipcap/models/download/store';
import { roundSize, whatYesDoes } from '@clipcap/models/download/words';
import { findModel } from '@clipcap/models/registry/registry';
import { CaptionError } from '@clipcap/protocol/error';
import { plain } from '../plain.js';
import { askTerminal } from './askTerminal.js';
import { interruptedExitCode, onInterruption } from './interruption.js';
import type { GetRequest } from './modelFlags.js';
import { unexpected } from './output.js';
import { Progress } from './progress.js';

/** Prints the model's folder, or the question, and answers the exit code. */
export async function get(request: GetRequest): Promise<number> {
  const { json } = request;
  const stop = new AbortController();
  const ignore = onInterruption(() => stop.abort());
  const progress = new Progress(process.stderr);
  let connection: Connection | undefined;
  try {
    const model = findModel(request.id);
    connection = new Connection(fromEnvironment(request.endpoint));
    let question: Question | undefined;
    const folder = await getModel(model, {
      connection,
      store: modelsFolder(),
      signal: stop.signal,
      consent: (asked) => {
        question = asked;
        if (request.ask) return Promise.resolve(request.yes && asked.kind === 'size');
        return request.yes ? agree(asked) : askUser(asked, stop.signal);
      },
      progress: ({ file, received, total }) => {
        const far = `${roundSize(received)} of ${roundSize(total)}, ${Math.floor((100 * received) / total)} %`;
        progress.line(`${far}  ${file}`, far);
      },
    });
    progress.clear();
    if (request.ask) {
      const asked = question && { kind: question.kind, text: whatYesDoes(question), licence: model.licence };
      process.stdout.write(document({ id: model.id, ...(folder === undefined ? { question: asked } : { folder }) }));
      return 0;
    }
    if (folder === undefined) throw new CaptionError('cancelled', 'Nothing was downloaded.');
    process.stdout.write(json ? document({ id: model.id, folder }) : `${folder}\n`);
    return 0;
  } catch (cause) {
    progress.clear();
    const error = cause instanceof CaptionError ? cause : unexpected(cause);
    process.stderr.write(`${plain(error.message)}\n`);
    if (json) process.stdout.write(document({ error: { code: error.code, message: error.message } }));
    if (stop.signal.aborted) return interruptedExitCode;
    return error.code === 'usage' ? 2 : 1;
  } finally {
    await connection?.close();
    ignore();
  }
}

function document(content: object): string {
  return `${JSON.stringify({ version: 1, ...content }, null, 2)}\n`;
}

/** Says what the user has agreed to beforehand. */
function agree(question: Question): Promise<boolean> {
  process.stderr.write(`${plain(whatYesDoes(question))}. Licence: ${plain(question.model.licence)}.\n`);
  return Promise.resolve(true);
}

/** @throws CaptionError `usage` where nobody can be asked */
function askUser(question: Question, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    const message = `Nobody can be asked here whether to: ${whatYesDoes(question)}. Say --yes to agree.`;
    throw new CaptionError('usage', message);
  }
  const licence = `Licence: ${plain(question.model.licence)}.`;
  return askTerminal(`${plain(whatYesDoes(question))}?\n${licence}`, process.stderr, signal);
}
