/** A language server in this process, spoken to over two in-memory streams, with an inference that says it is a fake. */
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';
import {
  createConnection,
  createProtocolConnection,
  MarkupContent,
  StreamMessageReader,
  StreamMessageWriter,
  type CancellationToken,
  type Hover,
  type InitializeResult,
  type ProtocolConnection,
} from 'vscode-languageserver/node';
import type { CaptionResult, ModelInfo } from '@clipcap/protocol/caption';
import { CaptionError } from '@clipcap/protocol/error';
import type {
  CaptionImageParams,
  ComputeLensParams,
  EncodedImage,
  ImageParams,
  PictureParams,
} from '@clipcap/protocol/inference';
import type { LensResult } from '@clipcap/protocol/lens';
import { serverStatus, type InitializationOptions, type ServerStatus } from '@clipcap/protocol/language';
import type { Inference } from '@clipcap/server/language/captions';
import { startServer } from '@clipcap/server/language/server';
import type { InferenceState } from '@clipcap/server/process/inferenceState';
import { root } from '../root.js';

const fakeModel: ModelInfo = {
  id: 'fake-model',
  encoder: 'none',
  mapper: 'none',
  prefixLength: 0,
  width: 1,
  dtype: 'float32',
  provider: 'cpu',
};

/** Answers every image with one caption that names it; a `gate` keeps answers back. */
class FakeInference implements Inference {
  readonly asked: CaptionImageParams[] = [];
  readonly lensAsked: ComputeLensParams[] = [];
  readonly encoded: ImageParams[] = [];
  readonly tokens: (CancellationToken | undefined)[] = [];
  readonly loaded: string[] = [];
  restarts = 0;
  disposed = false;
  failure: CaptionError | undefined;
  text = 'a fake caption';
  readonly idleMilliseconds: () => number;
  state: InferenceState = { state: 'idle' };
  /** Answers wait for this. */
  gate: Promise<void> = Promise.resolve();
  readonly #listeners = new Set<(state: InferenceState) => void>();

  constructor(idleMilliseconds: () => number) {
    this.idleMilliseconds = idleMilliseconds;
  }

  enter(state: InferenceState): void {
    this.state = state;
    for (const listener of this.#listeners) listener(state);
  }

  onState(listener: (state: InferenceState) => void) {
    this.#listeners.add(listener);
    return { dispose: () => this.#listeners.delete(listener) };
  }

  async caption(params: CaptionImageParams, token?: CancellationToken): Promise<CaptionResult> {
    this.asked.push(params);
    this.tokens.push(token);
    await Promise.race([this.gate, cancellation(token)]);
    if (this.failure) throw this.failure;
    const timings = { decode: 0, preprocess: 0, encode: 0, map: 0, generate: 0, interpret: 0 };
    const captions = [{ text: this.text, score: Math.log(0.25), tokens: [] }];
    return {
      model: fakeModel,
      title: 'A Fake',
      image: { sha256: params.sha256, width: 1, height: 1, captions, prefix: [], timings },
    };
  }

  /** Every view is an encoder's that names one label after the image; prefixes are of one value, how many were asked for. */
  async lens(params: ComputeLensParams, token?: CancellationToken): Promise<LensResult> {
    this.lensAsked.push(params);
    this.tokens.push(token);
    await Promise.race([this.gate, cancellation(token)]);
    if (this.failure) throw this.failure;
    const data = { of: 'classes', among: 1, labels: [{ label: params.image.name, probability: 1 }] } as const;
    return { model: fakeModel, view: params.view, data };
  }

  encode(params: ImageParams): Promise<EncodedImage> {
    this.encoded.push(params);
    if (this.failure) return Promise.reject(this.failure);
    return Promise.resolve({ prefix: Float32Array.of(this.encoded.length), width: 1, height: 1 });
  }

  /** The image's own bytes, as far as there is room for them. */
  picture({ image, side }: PictureParams): Promise<Uint8Array> {
    return this.failure ? Promise.reject(this.failure) : Promise.resolve(image.bytes.subarray(0, side));
  }

  load(model: string): Promise<ModelInfo> {
    this.loaded.push(model);
    return this.failure ? Promise.reject(this.failure) : Promise.resolve(fakeModel);
  }

  restart(): Promise<void> {
    this.restarts++;
    return Promise.resolve();
  }

  dispose(): Promise<void> {
    this.disposed = true;
    return Promise.resolve();
  }
}

function cancellation(token: CancellationToken | undefined): Promise<never> {
  return new Promise((_resolve, reject) => {
    token?.onCancellationRequested(() => {
      reject(new CaptionError('cancelled', 'cancelled'));
    });
  });
}

export interface SessionOptions {
  readonly folders?: readonly string[];
  readonly settings?: unknown;
  /** Whether the client can be asked for settings; it can unless this is false. */
  readonly asksForSettings?: boolean;
  readonly initializationOptions?: InitializationOptions;
  /** Whether the client asks for a code action's edit when it is chosen; it does unless this is false. */
  readonly resolvesEdits?: boolean;
}

/** A client of a server that has answered `initialize`. */
export interface Session {
  readonly client: ProtocolConnection;
  /** The server's. */
  readonly capabilities: InitializeResult['capabilities'];
  readonly inference: FakeInference;
  readonly statuses: ServerStatus[];
  /** Changes what the server gets when it asks for settings, and tells it to ask. */
  readonly configure: (settings: unknown) => Promise<void>;
  /** Opens a document under a path and answers hovers at the place of `|` in its text. */
  readonly hoverAt: (path: string, languageId: string, marked: string) => Promise<Hover | null>;
  readonly hover: (uri: string, line: number, character: number, token?: CancellationToken) => Promise<Hover | null>;
  readonly open: (path: string, languageId: string, text: string) => Promise<string>;
  readonly end: () => Promise<void>;
}

export const builtinPack = '/packs/builtin';

export async function startSession(options: SessionOptions = {}): Promise<Session> {
  const [up, down] = [new PassThrough(), new PassThrough()];
  let inference: FakeInference | undefined;
  const serverSide = createConnection(new StreamMessageReader(up), new StreamMessageWriter(down));
  startServer(serverSide, {
    builtin: builtinPack,
    reportScript: join(root, 'dist', 'report.js'),
    createInference: (idleMilliseconds) => (inference = new FakeInference(idleMilliseconds)),
  });

  if (!inference) throw new Error('the server made no inference');
  let { settings } = options;
  const statuses: ServerStatus[] = [];
  const client = createProtocolConnection(new StreamMessageReader(down), new StreamMessageWriter(up));
  client.onRequest('workspace/configuration', ({ items }: { items: unknown[] }) => items.map(() => settings ?? null));
  client.onRequest('client/registerCapability', () => null);
  client.onNotification(serverStatus, (status) => {
    statuses.push(status);
  });
  client.listen();
  const { capabilities } = await client.sendRequest<InitializeResult>('initialize', {
    processId: null,
    rootUri: null,
    workspaceFolders: (options.folders ?? []).map((path) => ({ uri: pathToFileURL(path).href, name: path })),
    capabilities: {
      workspace: {
        configuration: options.asksForSettings ?? true,
        workspaceFolders: true,
        didChangeConfiguration: { dynamicRegistration: true },
      },
      textDocument: {
        hover: { contentFormat: ['markdown'] },
        ...(options.resolvesEdits !== false && { codeAction: { resolveSupport: { properties: ['edit'] } } }),
      },
    },
    initializationOptions: options.initializationOptions,
  });
  await client.sendNotification('initialized', {});

  let opened = 0;
  const session: Session = {
    client,
    capabilities,
    statuses,
    inference,
    async configure(next) {
      settings = next;
      await client.sendNotification('workspace/didChangeConfiguration', { settings: null });
    },
    async open(path, languageId, text) {
      const { href: uri } = pathToFileURL(path);
      await client.sendNotification('textDocument/didOpen', { textDocument: { uri, languageId, version: 1, text } });
      return uri;
    },
    async hover(uri, line, character, token) {
      const params = { textDocument: { uri }, position: { line, character } };
      return token
        ? client.sendRequest<Hover | null>('textDocument/hover', params, token)
        : client.sendRequest<Hover | null>('textDocument/hover', params);
    },
    async hoverAt(path, languageId, marked) {
      const before = marked.slice(0, marked.indexOf('|'));
      const uri = await session.open(`${path}.${(opened += 1)}`, languageId, marked.replace('|', ''));
      const line = before.split('\n').length - 1;
      return session.hover(uri, line, before.length - (before.lastIndexOf('\n') + 1));
    },
    async end() {
      await client.sendRequest('shutdown');
      client.dispose();
      serverSide.dispose();
    },
  };
  return session;
}

/** A gate for a fake's answers, and what opens it. */
export function closedGate(): { readonly gate: Promise<void>; readonly open: () => void } {
  const opening = new EventEmitter();
  const gate = once(opening, 'open').then(() => undefined);
  return { gate, open: () => opening.emit('open') };
}

/** The Markdown of a hover. */
export function hoverText(hover: Hover | null): string {
  if (!hover || !MarkupContent.is(hover.contents)) throw new Error('no hover');
  return hover.contents.value;
}

/** What a hover's range covers in the text. */
export function covered(hover: Hover | null, text: string): string {
  const lines = text.split('\n');
  const { start, end } = hover?.range ?? { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } };
  if (start.line === end.line) return (lines[start.line] ?? '').slice(start.character, end.character);
  const middle = lines.slice(start.line + 1, end.line);
  return [lines[start.line]?.slice(start.character), ...middle, lines[end.line]?.slice(0, end.character)].join('\n');
}
