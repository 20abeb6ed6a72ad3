/** Requests to servers that hold models: nothing but https, redirects watched, the token for nobody but its server. */
import { EnvHttpProxyAgent, request, type Dispatcher } from 'undici';
import { CaptionError } from '@clipcap/protocol/error';
import { endpointUrl, mayFetch } from './endpoint.js';
import { cancelled, inOfflineMode, networkError, statusError } from './errors.js';

export interface ConnectionOptions {
  /** A mirror of the hub; the hub itself if empty. */
  readonly endpoint?: string | undefined;
  /** For the endpoint alone. */
  readonly token?: string | undefined;
  /** Nothing is asked of anyone. */
  readonly offline?: boolean | undefined;
  /** A proxy that goes before those of the environment (`HTTPS_PROXY`, `HTTP_PROXY`); `NO_PROXY` holds for all. */
  readonly proxy?: string | undefined;
}

export interface Ask {
  readonly method: 'HEAD' | 'GET';
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Whether this redirect's own headers answer the question, so that its target need not be asked. */
  readonly enough?: (headers: Headers) => boolean;
}

type Headers = Readonly<Record<string, string | undefined>>;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** What the endpoint itself said before it redirected to somewhere else. */
  readonly first: Headers;
  /** Where the answer comes from, or, of a redirect that was enough, where it leads. */
  readonly url: URL;
  readonly body: Dispatcher.ResponseData['body'];
}

const mostRedirects = 5;
const connectMilliseconds = 30_000;
/** Without a byte for this long, a connection counts as cut. */
const silenceMilliseconds = 60_000;
const redirects = new Set([301, 302, 303, 307, 308]);

export class Connection {
  readonly endpoint: URL;
  readonly offline: boolean;
  readonly #token: string | undefined;
  readonly #proxy: string | undefined;
  #agent: EnvHttpProxyAgent | undefined;

  /** Opens nothing. @throws CaptionError `usage`: no such endpoint */
  constructor({ endpoint, token, offline, proxy }: ConnectionOptions) {
    this.endpoint = endpointUrl(endpoint);
    this.offline = offline ?? false;
    this.#token = token?.trim() || undefined;
    this.#proxy = proxy?.trim() || undefined;
  }

  /** @throws CaptionError `download-offline` */
  checkOnline(): void {
    if (this.offline) throw inOfflineMode();
  }

  /**
   * Asks, and follows redirects.
   * @throws CaptionError `download-offline`, `download-refused`, `download-missing`, `download-failed`, `cancelled`
   * @throws PassingError if another attempt may succeed
   */
  async ask(address: URL, { method, headers, signal, enough }: Ask): Promise<Answer> {
    let url = address;
    let first: Headers | undefined;
    for (let hops = 0; ; hops++) {
      const answer = await this.#send(url, method, headers, signal);
      const said = plain(answer.headers);
      first ??= said;
      if (!redirects.has(answer.statusCode)) {
        if (answer.statusCode < 400 || answer.statusCode === 416) {
          return { status: answer.statusCode, headers: said, first, url, body: answer.body };
        }
        await discard(answer.body);
        const [code, token] = [said['x-error-code'], this.#authorization(url) !== undefined];
        throw statusError({ status: answer.statusCode, code, token, retryAfter: retryAfter(said) }, url);
      }
      await discard(answer.body);
      const next = target(said['location'], url);
      if (!next || !mayFetch(next, this.endpoint) || hops === mostRedirects) {
        throw new CaptionError('download-failed', `${url.host} ${complaint(next, hops)}. Try another mirror.`);
      }
      url = next;
      if (enough?.(said) === true) return { status: answer.statusCode, headers: said, first, url, body: answer.body };
    }
  }

  async close(): Promise<void> {
    await this.#agent?.destroy();
    this.#agent = undefined;
  }

  async #send(
    url: URL,
    method: 'HEAD' | 'GET',
    headers: Readonly<Record<string, string>> = {},
    signal?: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    this.checkOnline();
    if (!mayFetch(url, this.endpoint)) throw new CaptionError('download-failed', `${url.origin} is not https.`);
    const authorization = this.#authorization(url);
    try {
      return await request(url, {
        method,
        dispatcher: (this.#agent ??= createAgent(this.#proxy)),
        signal: signal ?? null,
        headers: {
          'user-agent': 'clipcap-lens',
          // What is hashed and counted is the file itself.
          'accept-encoding': 'identity',
          ...headers,
          ...(authorization !== undefined && { authorization }),
        },
      });
    } catch (cause) {
      throw signal?.aborted === true ? cancelled() : networkError(cause, url);
    }
  }

  /** The token belongs to the endpoint: no redirect and no other address gets to see it. */
  #authorization(url: URL): string | undefined {
    return this.#token !== undefined && url.origin === this.endpoint.origin ? `Bearer ${this.#token}` : undefined;
  }
}

function createAgent(proxy: string | undefined): EnvHttpProxyAgent {
  return new EnvHttpProxyAgent({
    connect: { timeout: connectMilliseconds },
    headersTimeout: silenceMilliseconds,
    bodyTimeout: silenceMilliseconds,
    ...(proxy !== undefined && { httpProxy: proxy, httpsProxy: proxy }),
  });
}

function plain(headers: Dispatcher.ResponseData['headers']): Headers {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  );
}

/** What is left of an answer that says nothing more. */
async function discard(body: Dispatcher.ResponseData['body']): Promise<void> {
  await body.dump({ limit: 65_536 }).catch(() => undefined);
}

function target(location: string | undefined, base: URL): URL | undefined {
  return location !== undefined && URL.canParse(location, base.href) ? new URL(location, base.href) : undefined;
}

function complaint(next: URL | undefined, hops: number): string {
  if (!next) return 'redirects to nowhere';
  return hops === mostRedirects ? 'redirects in circles' : `redirects to ${next.origin}, which is not https`;
}

/** Seconds or a date, as milliseconds from now. */
function retryAfter(headers: Headers): number | undefined {
  const value = headers['retry-after'];
  if (value === undefined) return undefined;
  const seconds = /^\d{1,9}$/u.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds * 1000) : undefined;
}
