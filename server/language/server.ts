/** The language server, on whatever connection it is given. */
import {
  DidChangeConfigurationNotification,
  TextDocumentSyncKind,
  TextDocuments,
  type Connection,
  type InitializeResult,
} from 'vscode-languageserver';
import { TextDocument } from 'vscode-languageserver-textdocument';
import type { CaptionOptions, CaptionResult } from '@clipcap/protocol/caption';
import { CaptionError, toResponseError } from '@clipcap/protocol/error';
import { fields } from '@clipcap/protocol/fields';
import { priorities } from '@clipcap/protocol/inference';
import { captionUri, restartInference, serverStatus, workspaceTrusted } from '@clipcap/protocol/language';
import { lensReportRequest, lensRequest, thumbnailRequest } from '@clipcap/protocol/lens';
import { LensRequests, type LensPlaces } from '../process/lensRequests.js';
import { wholeLens } from '../report/document.js';
import { reportHtml } from '../report/page.js';
import { picturesOf } from '../report/pictures.js';
import { liesInside } from './access.js';
import { AltTextActions, altTextKinds } from './altText.js';
import { Captions, type Inference, type Model } from './captions.js';
import { readClient, unknownClient } from './client.js';
import { decodingOptions } from './decodingSettings.js';
import { ImageHover } from './hover.js';
import { DocumentLinks } from './links/documentLinks.js';
import { localPath } from './links/resolve.js';
import { defaultSettings, packFolder, readSettings } from './settings.js';
import { statusOf } from './status.js';

export interface ServerEnvironment {
  /** The folder of the built-in pack. */
  readonly builtin: string;
  /** The script that draws a report. */
  readonly reportScript: string;
  /** Makes the inference process's parent, which starts no process before it is asked to caption. */
  readonly createInference: (idleMilliseconds: () => number) => Inference;
}

/** Serves one client until the connection ends. Does not call `listen()` before its handlers are in place. */
export function startServer(
  connection: Connection,
  { builtin, reportScript, createInference }: ServerEnvironment,
): void {
  const documents = new TextDocuments(TextDocument);
  const links = new DocumentLinks();
  let client = unknownClient;
  let settings = Promise.resolve(defaultSettings);
  let current = defaultSettings;
  let shown = '';

  const inference = createInference(() => current.idleMinutes * 60_000);
  const captions = new Captions(inference);
  const places: LensPlaces = { path: imagePath, pack: namedPack };
  const lens = new LensRequests(inference, places);
  inference.onState(({ state }) => {
    // The next process may find another pack in the same folder.
    if (state === 'idle') lens.forget();
    void pushStatus();
  });

  async function pushStatus(): Promise<void> {
    const status = statusOf(inference.state, current);
    if (JSON.stringify(status) === shown) return;
    shown = JSON.stringify(status);
    // A connection that has ended needs no status.
    await connection.sendNotification(serverStatus, status).catch(() => undefined);
  }

  /** Settings take hold one after the other, in the order in which they were changed. */
  function changeSettings(pull: () => unknown): void {
    settings = settings
      .then(pull)
      .then(readSettings)
      .catch(() => current)
      .then((next) => {
        const otherModel = next.model !== current.model || next.provider !== current.provider;
        current = next;
        if (otherModel && inference.state.state !== 'idle') void replaceModel();
        return next;
      });
    void settings.then(pushStatus);
  }

  /** Loads the model that was chosen in place of the resident one; how that ends is told by the status. */
  async function replaceModel(): Promise<void> {
    const { folder, provider } = await model();
    await inference.load(folder, provider).catch(() => undefined);
  }

  function pullSettings(pushed?: unknown): void {
    changeSettings(() => (client.configuration ? connection.workspace.getConfiguration('clipcap') : pushed));
  }

  function folderOf(pack: string): string {
    return packFolder(pack, builtin, client.trusted ? client.folders.map(localPath)[0] : undefined);
  }

  /** A pack that a request names, and no setting of the user’s. */
  function namedPack(pack: string): string {
    if (client.trusted || pack === 'builtin' || pack === current.model) return folderOf(pack);
    throw new CaptionError('usage', `Trust the workspace to use the model pack ${pack}, or compare with builtin.`);
  }

  async function model(options: CaptionOptions = {}): Promise<Model> {
    const { model: pack, provider, decoding } = await settings;
    const folder = folderOf(pack);
    return { folder, provider, options: decodingOptions(decoding, options) };
  }

  connection.onInitialize((params): InitializeResult => {
    client = readClient(params);
    const hover = new ImageHover({
      links,
      style: client.hoverStyle,
      folders: () => client.folders,
      settings: async () => (await settings).hover,
      remembered: async (path) => ((await mayRead(path)) ? captions.remembered(path, await model()) : undefined),
      caption: captionForDocument,
    });
    connection.onHover((request, token) => {
      const document = documents.get(request.textDocument.uri);
      return document ? hover.provide(document, request.position, token) : null;
    });
    const altText = new AltTextActions({
      links,
      document: (uri) => documents.get(uri),
      folders: () => client.folders,
      caption: captionForDocument,
      tell: (message) => connection.window.showWarningMessage(message),
    });
    connection.onCodeAction(({ textDocument, range, context }) => {
      const document = documents.get(textDocument.uri);
      return document ? altText.provide(document, document.offsetAt(range.start), context) : [];
    });
    connection.onCodeActionResolve((action) => altText.resolve(action));
    return {
      serverInfo: { name: 'ClipCap Lens' },
      capabilities: {
        textDocumentSync: TextDocumentSyncKind.Incremental,
        hoverProvider: true,
        // Nothing is captioned before an action is chosen: a client that cannot ask for the rest then gets none.
        ...(client.resolvesEdits && {
          codeActionProvider: { codeActionKinds: altTextKinds, resolveProvider: true },
        }),
        workspace: { workspaceFolders: { supported: true, changeNotifications: true } },
      },
    };
  });

  connection.onInitialized(async () => {
    // First of all: a hover that follows at once must wait for the user's settings.
    pullSettings(client.settings);
    if (client.registersConfiguration) {
      await connection.client
        .register(DidChangeConfigurationNotification.type, { section: 'clipcap' })
        .catch((error: unknown) => connection.console.warn(`Changes of settings are not told: ${String(error)}`));
    }
    if (client.followsFolders) {
      connection.workspace.onDidChangeWorkspaceFolders(({ added, removed }) => {
        const gone = new Set(removed.map(({ uri }) => uri));
        const kept = client.folders.filter((uri) => !gone.has(uri));
        client = { ...client, folders: [...kept, ...added.map(({ uri }) => uri)] };
      });
    }
  });

  connection.onDidChangeConfiguration(({ settings: pushed }: { settings: unknown }) => {
    // A client that cannot be asked and says nothing of us has changed nothing of ours.
    const section = fields(pushed)['clipcap'];
    if (client.configuration || section !== undefined) pullSettings(section);
  });

  connection.onNotification(workspaceTrusted, () => {
    client = { ...client, trusted: true };
  });

  /** What a document may lead to: in a workspace that is not trusted, that ends at the workspace's borders. */
  async function mayRead(path: string): Promise<boolean> {
    const folders = client.folders.map(localPath).filter((folder) => folder !== undefined);
    return client.trusted || liesInside(path, folders);
  }

  async function captionForDocument(path: string): Promise<CaptionResult> {
    if (await mayRead(path)) return captions.caption(path, await model(), priorities.hover);
    throw new CaptionError(
      'unreadable',
      `${path} lies outside this workspace; trust the workspace to caption images outside its folders.`,
    );
  }

  connection.onRequest(captionUri, async ({ uri, options }, token) => {
    try {
      return await captions.caption(imagePath(uri), await model(options), priorities.command, token);
    } catch (error) {
      throw toResponseError(error);
    }
  });

  connection.onRequest(lensRequest, async (params, token) => {
    try {
      return await lens.view(params, await model(), token);
    } catch (error) {
      throw toResponseError(error);
    }
  });

  connection.onRequest(lensReportRequest, async ({ uri, views = {}, reference }, token) => {
    try {
      const context = { inference, lens, places, model: await model(), token };
      const document = await wholeLens({ uri, path: imagePath(uri), params: views, reference }, context);
      return { html: await reportHtml(document, await picturesOf(document, uri, context), reportScript) };
    } catch (error) {
      throw toResponseError(error);
    }
  });

  connection.onRequest(thumbnailRequest, async ({ uri }, token) => {
    try {
      return { source: await lens.thumbnail(uri, await model(), token) };
    } catch (error) {
      throw toResponseError(error);
    }
  });

  connection.onRequest(restartInference, async () => {
    try {
      const { folder, provider } = await model();
      captions.forget();
      await inference.restart();
      await inference.load(folder, provider);
    } catch (error) {
      throw toResponseError(error);
    }
  });

  connection.onShutdown(() => inference.dispose());
  documents.onDidClose(({ document }) => {
    links.forget(document.uri);
  });
  documents.listen(connection);
  connection.listen();
}

/** The path behind a URI that a request names. */
function imagePath(uri: string): string {
  const path = localPath(uri);
  if (path !== undefined) return path;
  throw new CaptionError('not-a-file', `${uri} is no file on this machine; save a copy here and caption that.`);
}
