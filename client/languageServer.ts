/** The language client's life: one owner that starts, restarts and ends the server and knows its health. */
import { EventEmitter, workspace, type CancellationToken, type Disposable, type ExtensionContext } from 'vscode';
import type { LogOutputChannel } from 'vscode';
import {
  ConnectionError,
  ErrorCodes,
  LanguageClient,
  ResponseError,
  State,
  TransportKind,
  type LanguageClientOptions,
} from 'vscode-languageclient/node';
import type { CaptionResult } from '@clipcap/protocol/caption';
import { CaptionError, fromResponseError } from '@clipcap/protocol/error';
import {
  captionUri,
  restartInference,
  serverStatus,
  workspaceTrusted,
  type InitializationOptions,
  type ServerStatus,
} from '@clipcap/protocol/language';
import {
  lensReportRequest,
  lensRequest,
  thumbnailRequest,
  type LensParams,
  type LensReport,
  type LensReportParams,
  type LensResult,
  type Thumbnail,
} from '@clipcap/protocol/lens';

const hoverCommands = { inspectCommand: 'clipcap.inspectPrefix', copyCommand: 'clipcap.copyCaption' };
const endedMeanwhile = 'The language server ended before it had an answer, and is started again. Try again.';

export class LanguageServer implements Disposable {
  readonly #module: string;
  readonly #storage: string;
  readonly #log: LogOutputChannel;
  readonly #statusChanged = new EventEmitter<ServerStatus>();
  readonly #trust: Disposable;
  #client: LanguageClient | undefined;
  #status: ServerStatus = { state: 'idle', pack: 'builtin', provider: 'auto' };

  constructor(context: ExtensionContext, log: LogOutputChannel) {
    this.#module = context.asAbsolutePath('dist/server.mjs');
    this.#storage = context.globalStorageUri.fsPath;
    this.#log = log;
    this.#trust = workspace.onDidGrantWorkspaceTrust(() => {
      // A server that is down is told when it starts.
      this.#client?.sendNotification(workspaceTrusted).catch(() => undefined);
    });
  }

  readonly onStatus = this.#statusChanged.event;

  get status(): ServerStatus {
    return this.#status;
  }

  /** Starts the server unless it runs. Failing to start is a status, not an error. */
  async start(): Promise<void> {
    this.#client ??= this.#createClient();
    try {
      await this.#client.start();
    } catch (error) {
      this.#fail(`The language server did not start: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** Loads the model anew; a server that is down is started anew as a whole. */
  async restart(): Promise<void> {
    if (this.#client?.isRunning()) {
      await this.#client.sendRequest(restartInference).catch((error: unknown) => {
        throw fromResponseError(error);
      });
      return;
    }
    const stopped = this.#client;
    this.#client = undefined;
    await stopped?.dispose().catch(() => undefined);
    await this.start();
  }

  /**
   * Captions the image file behind a `file:` URI.
   *
   * @throws CaptionError
   */
  caption(uri: string, token: CancellationToken): Promise<CaptionResult> {
    return this.#ask((client) => client.sendRequest(captionUri, { uri }, token));
  }

  /**
   * A view of the Prefix Lens of an image file.
   *
   * @throws CaptionError
   */
  lens(params: LensParams, token: CancellationToken): Promise<LensResult> {
    return this.#ask((client) => client.sendRequest(lensRequest, params, token));
  }

  /**
   * All views of an image file as a web page.
   *
   * @throws CaptionError
   */
  report(params: LensReportParams, token: CancellationToken): Promise<LensReport> {
    return this.#ask((client) => client.sendRequest(lensReportRequest, params, token));
  }

  /**
   * A small picture of an image file.
   *
   * @throws CaptionError
   */
  thumbnail(uri: string, token: CancellationToken): Promise<Thumbnail> {
    return this.#ask((client) => client.sendRequest(thumbnailRequest, { uri }, token));
  }

  async stop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.dispose();
  }

  dispose(): void {
    this.#trust.dispose();
    this.#statusChanged.dispose();
  }

  async #ask<Result>(send: (client: LanguageClient) => Promise<Result>): Promise<Result> {
    await this.start();
    try {
      if (!this.#client) throw new Error('The language server does not run; use "ClipCap: Restart Inference".');
      return await send(this.#client);
    } catch (error) {
      throw isLost(error) ? new CaptionError('inference-failed', endedMeanwhile) : fromResponseError(error);
    }
  }

  #createClient(): LanguageClient {
    const options: LanguageClientOptions = {
      documentSelector: [
        { scheme: 'file', language: 'markdown' },
        { scheme: 'file', language: 'html' },
      ],
      outputChannel: this.#log,
      // HTML for a tooltip that is no link; text of others is escaped.
      markdown: { isTrusted: { enabledCommands: Object.values(hoverCommands) }, supportHtml: true },
      initializationOptions: (): InitializationOptions => ({ trusted: workspace.isTrusted, ...hoverCommands }),
    };
    const server = { module: this.#module, transport: TransportKind.ipc, args: ['--storage', this.#storage] };
    const client = new LanguageClient('clipcap', 'ClipCap Lens', { run: server, debug: server }, options);
    client.onNotification(serverStatus, (status) => {
      this.#setStatus(status);
    });
    client.onDidChangeState(({ newState }) => {
      if (newState === State.Stopped && client === this.#client) this.#fail('The language server has stopped.');
    });
    return client;
  }

  #fail(reason: string): void {
    this.#setStatus({ ...this.#status, state: 'failed', reason });
  }

  #setStatus(status: ServerStatus): void {
    this.#status = status;
    this.#statusChanged.fire(status);
  }
}

/** Whether a request was on its way when the server ended, or came before it was back. */
function isLost(error: unknown): boolean {
  const codes: readonly number[] = [ErrorCodes.PendingResponseRejected, ErrorCodes.ConnectionInactive];
  return error instanceof ConnectionError || (error instanceof ResponseError && codes.includes(error.code));
}
