/** `clipcap get`: downloads a model with the user's consent. */
import { createInterface } from 'node:readline/promises';
import { Connection } from '@clipcap/models/download/connection';
import { fromEnvironment } from '@clipcap/models/download/environment';
import { getModel, type Question } from '@clipcap/models/download/getModel';
import { modelsFolder } from '@clipcap/models/download/store';
import { roundSize, whatYesDoes } from '@clipcap/models/download/words';
import { findModel } from '@clipcap/models/registry/registry';
import { CaptionError } from '@clipcap/protocol/error';
import type { GetRequest } from './modelFlags.js';
import { unexpected, write } from './output.js';
import { Progress } from './progress.js';
import { plain } from './text.js';

/** What the user sees of an interrupted program: 128 + SIGINT. */
const interruptedExitCode = 130;

/** Prints the model's folder and answers the exit code. */
export async function get({ id, yes, endpoint, json }: GetRequest): Promise<number> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  const progress = new Progress(process.stderr);
  let connection: Connection | undefined;
  try {
    const model = findModel(id);
    const named = fromEnvironment();
    connection = new Connection({ ...named, endpoint: endpoint ?? named.endpoint });
    const folder = await getModel(model, {
      connection,
      store: modelsFolder(),
      signal: stop.signal,
      consent: (question) => (yes ? agree(question) : askUser(question, stop.signal)),
      progress: ({ file, received, total }) =>
        progress.line(
          `${roundSize(received)} of ${roundSize(total)}, ${Math.floor((100 * received) / total)} %  ${file}`,
        ),
    });
    progress.clear();
    if (folder === undefined) throw new CaptionError('cancelled', 'Nothing was downloaded.');
    write(process.stdout, json ? document({ id: model.id, folder }) : `${folder}\n`);
    return 0;
  } catch (cause) {
    progress.clear();
    const error = cause instanceof CaptionError ? cause : unexpected(cause);
    write(process.stderr, `${plain(error.message)}\n`);
    if (json) write(process.stdout, document({ error: { code: error.code, message: error.message } }));
    if (stop.signal.aborted) return interruptedExitCode;
    return error.code === 'usage' ? 2 : 1;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    await connection?.close();
  }
}

function document(content: object): string {
  return `${JSON.stringify({ version: 1, ...content }, null, 2)}\n`;
}

/** Says what the user has agreed to beforehand. */
function agree(question: Question): Promise<boolean> {
  write(process.stderr, `${plain(whatYesDoes(question))}. Licence: ${plain(question.model.licence)}.\n`);
  return Promise.resolve(true);
}

/** @throws CaptionError `usage` where nobody can be asked */
async function askUser(question: Question, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    const message = `Nobody can be asked here whether to: ${whatYesDoes(question)}. Say --yes to agree.`;
    throw new CaptionError('usage', message);
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const licence = `Licence: ${plain(question.model.licence)}.`;
    const answer = await terminal.question(`${plain(whatYesDoes(question))}?\n${licence} [y/N] `, { signal });
    return /^\s*y(?:es)?\s*$/iu.test(answer);
  } catch (cause) {
    // Ctrl+C is an answer.
    if (signal.aborted) return false;
    throw cause;
  } finally {
    terminal.close();
  }
}
