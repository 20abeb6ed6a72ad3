/** What is asked of a server with a GET before anyone has agreed to the download: a size, or the list of a model's files. */
import { indexOf, maxIndexBytes } from '../checkpoints/huggingFace.js';
import { CaptionError } from '@clipcap/protocol/error';
import type { Answer, Connection } from './connection.js';
import { cancelled, networkError } from './errors.js';

/** Of a file whose size nobody states: a configuration, not weights. */
const largestUnstated = 2 ** 20;
/** Names that are kept beside a model's other files, and can be none of those. */
const shardName = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,120}\.(?:safetensors|bin)$/u;

/**
 * The size of a file in bytes, of which a HEAD said nothing (some mirrors send files in chunks): what is said with its
 * first byte, else, of a small one, what comes.
 */
export async function measure(connection: Connection, url: URL, signal?: AbortSignal): Promise<number | undefined> {
  const answer = await connection.ask(url, { method: 'GET', headers: { range: 'bytes=0-0' }, signal });
  const { 'content-range': range, 'content-length': length } = answer.headers;
  const said = answer.status === 206 ? /^bytes 0-0\/(\d+)$/u.exec(range ?? '')?.[1] : length;
  if (said === undefined && answer.status === 200) return (await content(answer, largestUnstated, signal))?.length;
  answer.body.on('error', () => undefined).destroy();
  return said === undefined ? undefined : Number(said);
}

/**
 * The files that an index of weights lists.
 * @throws CaptionError `download-mismatch` if it is none, or lists what no model's file is called
 */
export async function shardsOf(connection: Connection, url: URL, signal?: AbortSignal): Promise<readonly string[]> {
  const bytes = await content(await connection.ask(url, { method: 'GET', signal }), maxIndexBytes, signal);
  try {
    const names = new Set(indexOf(JSON.parse(bytes?.toString('utf8') ?? ''), url.pathname).values());
    for (const name of names) if (!shardName.test(name)) throw new Error(`it lists ${JSON.stringify(name)}`);
    return [...names];
  } catch (cause) {
    const reason = cause instanceof Error ? ` (${cause.message})` : '';
    const message = `${url.host} has no index of weights at ${url.pathname}${reason}. Try another model, or another mirror.`;
    throw new CaptionError('download-mismatch', message, { cause });
  }
}

/** All of an answer, if it is no longer than `limit` bytes. @throws PassingError if the connection was cut */
async function content({ body, url }: Answer, limit: number, signal?: AbortSignal): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) return undefined;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw signal?.aborted === true ? cancelled() : networkError(cause, url);
  }
  return Buffer.concat(chunks);
}
