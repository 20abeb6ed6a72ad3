/**
 * A fake of the Hugging Face hub and of the server that it redirects to, both on this machine's loopback: it speaks
 * what a download needs of their protocol, and misbehaves as it is told.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface FakeFile {
  readonly content: Buffer;
  /** Stored as a large file: the hub redirects to the other server and names size and SHA-256. */
  readonly large: boolean;
}

export interface Seen {
  readonly server: 'hub' | 'files';
  readonly method: string;
  readonly url: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly authorization: string | undefined;
  readonly status: number;
}

/** What is done to a request instead of answering it; false lets it be answered. */
type Trouble = (request: IncomingMessage, response: ServerResponse, server: Seen['server']) => boolean;

export const commit = '0123456789abcdef0123456789abcdef01234567';

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

export class FakeHub {
  /** By repository and name: `owner/name/file`. */
  readonly files = new Map<string, FakeFile>();
  readonly seen: Seen[] = [];
  /** Connections to either server. */
  connections = 0;
  trouble: Trouble = () => false;
  /** A token that every request to the hub must show. */
  token: string | undefined;
  /** Whether the hub names the hash of large files. */
  namesHash = true;
  /** What the server of files calls the content it has. */
  etag = '"1"';
  /** Whether that server knows of ranges. */
  ranges = true;
  /** Whether answers to a HEAD, and whole files, come with their length; else in chunks. */
  namesLength = true;
  /** Whether a repository is there that one may not see, or not at all: the hub tells strangers the same. */
  hides = false;
  readonly #hub: Server;
  readonly #files: Server;

  private constructor() {
    this.#hub = createServer((request, response) => this.#answer('hub', request, response));
    this.#files = createServer((request, response) => this.#answer('files', request, response));
    for (const server of [this.#hub, this.#files]) server.on('connection', () => this.connections++);
  }

  /** @param test ends it; without one, whoever started it does */
  static async start(test?: TestContext): Promise<FakeHub> {
    const fake = new FakeHub();
    test?.after(() => fake.stop());
    for (const server of [fake.#hub, fake.#files]) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    }
    return fake;
  }

  stop(): void {
    for (const server of [this.#hub, this.#files]) {
      server.closeAllConnections();
      server.close();
    }
  }

  get endpoint(): string {
    return addressOf(this.#hub);
  }

  get fileServer(): string {
    return addressOf(this.#files);
  }

  put(path: string, content: Buffer, large = true): void {
    this.files.set(path, { content, large });
  }

  /** Requests of a kind, in order. */
  asked(server: Seen['server'], method: string): readonly Seen[] {
    return this.seen.filter((seen) => seen.server === server && seen.method === method);
  }

  #answer(server: Seen['server'], request: IncomingMessage, response: ServerResponse): void {
    response.once('close', () => {
      const { range, 'if-range': ifRange, authorization } = request.headers;
      const { method = '', url = '' } = request;
      const { statusCode: status } = response;
      this.seen.push({ server, method, url, range, ifRange: ifRange?.toString(), authorization, status });
    });
    if (this.trouble(request, response, server)) return;
    if (server === 'hub') this.#resolve(request, response);
    else this.#send(this.files.get(decodeURIComponent(request.url ?? '').slice(1)), request, response);
  }

  /** `/owner/name/resolve/revision/file` */
  #resolve(request: IncomingMessage, response: ServerResponse): void {
    const [, owner, name, verb, , file] = (request.url ?? '').split('/');
    const path = `${owner}/${name}/${file}`;
    const found = verb === 'resolve' ? this.files.get(path) : undefined;
    if (this.hides) {
      response.writeHead(401, { 'x-error-code': 'RepoNotFound' }).end();
    } else if (this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`) {
      response.writeHead(401, { 'x-error-code': 'GatedRepo' }).end();
    } else if (!found) {
      response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end();
    } else if (found.large) {
      response
        .writeHead(302, {
          location: `${this.fileServer}/${path}`,
          'x-repo-commit': commit,
          ...(this.namesLength && { 'x-linked-size': found.content.length }),
          ...(this.namesHash && { 'x-linked-etag': `"${sha256(found.content)}"` }),
        })
        .end();
    } else {
      response.setHeader('x-repo-commit', commit);
      this.#send(found, request, response);
    }
  }

  #send(file: FakeFile | undefined, request: IncomingMessage, response: ServerResponse): void {
    if (!file) {
      response.writeHead(404).end();
      return;
    }
    const { content } = file;
    const { range, 'if-range': ifRange } = request.headers;
    const [, start = 0, last = content.length - 1] = /^bytes=(\d+)-(\d*)$/u.exec(range ?? '') ?? [];
    const from = Number(start);
    const until = Math.min(Number(last || content.length - 1), content.length - 1);
    const partly = this.ranges && range !== undefined && (ifRange === undefined || ifRange === this.etag);
    response.setHeader('etag', this.etag);
    if (partly && from >= content.length) {
      response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
      return;
    }
    const body = partly ? content.subarray(from, until + 1) : content;
    response.writeHead(partly ? 206 : 200, {
      ...((this.namesLength || partly) && { 'content-length': body.length }),
      ...(partly && { 'content-range': `bytes ${from}-${until}/${content.length}` }),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }
}

/** Sends the first bytes of a file and cuts the connection. */
export function cutAfter(fake: FakeHub, bytes: number, request: IncomingMessage, response: ServerResponse): void {
  const file = fake.files.get((request.url ?? '').slice(1));
  const content = file?.content ?? Buffer.alloc(0);
  const from = Number(/^bytes=(\d+)-$/u.exec(request.headers.range ?? '')?.[1] ?? 0);
  response.writeHead(from > 0 ? 206 : 200, {
    'content-length': content.length - from,
    etag: fake.etag,
    ...(from > 0 && { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` }),
  });
  response.write(content.subarray(from, from + bytes), () => response.destroy());
}

function addressOf(server: Server): string {
  const address = server.address();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  return `http://127.0.0.1:${(address as AddressInfo).port}`;
}
