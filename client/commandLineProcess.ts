/** Runs the command line that is shipped with the extension: long work stays out of the editor's processes. */
import { fork } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { CancellationToken } from 'vscode';
import { CaptionError, fromResponseError } from '@clipcap/protocol/error';
import type { ErrorCode } from '@clipcap/protocol/caption';
import { UndecidedImport, type ImportQuestion } from '@clipcap/protocol/import';

interface Failure {
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly question?: ImportQuestion };
}

interface ForkOptions {
  /** `dist/cli.mjs` */
  readonly module: string;
  readonly token?: CancellationToken;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Told what is being done. */
  readonly progress?: (message: string) => void;
}

interface Ended {
  /** Null: a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, which a cancelled token asks for. Rejects if it cannot be started. */
export async function forkCommandLine(
  args: readonly string[],
  { module, token, env, progress }: ForkOptions,
): Promise<Ended> {
  const child = fork(module, [...args], {
    execArgv: [],
    env: { ...process.env, ...env, ELECTRON_RUN_AS_NODE: '1' },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  child.on('message', (message) => {
    if (typeof message === 'string') progress?.(message);
  });
  // It takes the end of the channel for Ctrl-C, which not every system can send.
  const cancellation = token?.onCancellationRequested(() => {
    if (child.connected) child.disconnect();
  });
  // Not its 'close': that never comes once this side has ended the channel.
  const ended = new Promise<number | null>((resolve, reject) => child.once('exit', resolve).once('error', reject));
  try {
    const [code, stdout, stderr] = await Promise.all([
      ended,
      child.stdout ? text(child.stdout) : '',
      child.stderr ? text(child.stderr) : '',
    ]);
    return { code, stdout, stderr };
  } finally {
    cancellation?.dispose();
  }
}

/**
 * Runs a command whose `--json` document is an object.
 * @throws CaptionError what the document says (an {@link UndecidedImport} if that is a question), or `cancelled`
 */
export async function runCommandLine<Document extends object>(
  args: readonly string[],
  options: ForkOptions,
): Promise<Document> {
  const { module, token } = options;
  const { stdout, stderr } = await forkCommandLine([...args, '--json'], options);
  if (token?.isCancellationRequested) throw new CaptionError('cancelled', 'It was cancelled.');
  let document: Document | Failure;
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own command line wrote it
    document = JSON.parse(stdout) as Document | Failure;
  } catch (cause) {
    const silence = `${module} ended without an answer. Try again; if it stays so, reinstall ClipCap Lens.`;
    throw fromResponseError(new Error(stderr.trim() || silence, { cause }));
  }
  if (!('error' in document)) return document;
  const { code, message, question } = document.error;
  throw question ? new UndecidedImport(code, message, question) : new CaptionError(code, message);
}
