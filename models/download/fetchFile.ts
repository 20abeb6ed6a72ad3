/** One file from a server to the disk: resumed where it was cut, counted, hashed, and only then given its name. */
import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { CaptionError } from '@clipcap/protocol/error';
import { addFile } from '../pack/hashFile.js';
import type { Answer, Connection } from './connection.js';
import { PassingError, cancelled, diskError, networkError } from './errors.js';
import { Part } from './part.js';
import type { PlannedFile } from './plan.js';
import { ordinaryPatience, withRetries, type Patience } from './retry.js';

export interface FetchOptions {
  readonly connection: Connection;
  /** The SHA-256 that the file had when it came for the first time, if nobody else vouches for it. */
  readonly seenBefore?: string | undefined;
  /** Told how many bytes of the file are there. */
  readonly progress?: (received: number) => void;
  readonly signal?: AbortSignal | undefined;
  readonly patience?: Patience | undefined;
}

/**
 * @param folder exists
 * @returns the file's SHA-256
 * @throws CaptionError `download-mismatch` (nothing is kept), any other download code or `cancelled` (what came is kept)
 */
export async function fetchFile(file: PlannedFile, folder: string, options: FetchOptions): Promise<string> {
  const part = await Part.claim(folder, file.name);
  try {
    const { patience = ordinaryPatience, signal } = options;
    const sha256 = await withRetries(
      file.name,
      (progressed) => attempt(file, part, options, progressed),
      patience,
      signal,
    );
    const expected = file.sha256 ?? options.seenBefore;
    if (expected !== undefined && sha256 !== expected) throw otherHash(file, sha256, expected);
    await part.finish().catch((cause: unknown) => {
      throw diskError(cause, part.data);
    });
    return sha256;
  } catch (error) {
    if (error instanceof CaptionError && error.code === 'download-mismatch') await part.discard();
    else await part.release();
    throw error;
  }
}

/** Fetches what is missing. @returns the SHA-256 of the whole @throws PassingError if the connection was cut */
async function attempt(
  file: PlannedFile,
  part: Part,
  { connection, progress, signal }: FetchOptions,
  progressed: () => void,
): Promise<string> {
  const { url, size } = file;
  const origin = await part.origin();
  let have = await part.size();
  // Nothing but the server's ETag or the file's hash could tell that the rest belongs to another version.
  const etag = origin?.url === url.href ? origin.etag : undefined;
  const resumable = origin?.size === size && (etag !== undefined || file.sha256 !== undefined);
  if (!resumable || have > size || (have === size && file.sha256 === undefined)) have = 0;
  let hash = createHash('sha256');
  // Before the server is asked: it may not wait while a slow disk gives gigabytes.
  if (have > 0) await addFile(hash, part.data, signal);
  if (have === size) return hash.digest('hex');

  const headers = have === 0 ? undefined : { range: `bytes=${have}-`, ...(etag !== undefined && { 'if-range': etag }) };
  const answer = await connection.ask(url, { method: 'GET', signal, ...(headers && { headers }) });
  try {
    if (answer.status === 416) {
      await part.begin({ url: url.href, size }).then((handle) => handle.close());
      throw new PassingError(`${answer.url.host} does not go on where the download stopped`);
    }
    if (answer.status === 206) checkRange(answer, have, size);
    else if (answer.status === 200) {
      have = 0;
      hash = createHash('sha256');
    } else throw new CaptionError('download-failed', `${answer.url.host} answered ${answer.status}. Try again later.`);
    checkEncoding(answer);
    const handle = await opened(part, have, { url: url.href, size, etag: strongEtag(answer) });
    try {
      await receive(answer, handle, { file, hash, have, part, progress, progressed, signal });
      await handle.sync();
    } finally {
      await handle.close();
    }
    return hash.digest('hex');
  } finally {
    // What is left of it is of no interest, nor is that it was left.
    answer.body.on('error', () => undefined).destroy();
  }
}

/** A connection that brings less than this before it is cut counts as one that brings nothing. */
const progressBytes = 2 ** 20;

interface Receiving {
  readonly file: PlannedFile;
  readonly hash: Hash;
  readonly have: number;
  readonly part: Part;
  readonly progress: ((received: number) => void) | undefined;
  readonly progressed: () => void;
  readonly signal: AbortSignal | undefined;
}

async function receive({ body, url }: Answer, handle: FileHandle, to: Receiving): Promise<void> {
  const { file, hash, part, signal } = to;
  let received = to.have;
  to.progress?.(received);
  const chunks: AsyncIterator<Buffer, undefined> = body[Symbol.asyncIterator]();
  for (;;) {
    const { value, done } = await chunks.next().catch((cause: unknown) => {
      throw signal?.aborted === true ? cancelled() : networkError(cause, url);
    });
    if (done === true) break;
    received += value.length;
    if (received > file.size) {
      const message = `${url.host} sends more than the ${file.size} bytes of ${file.name} that it had announced. Nothing was kept.`;
      throw new CaptionError('download-mismatch', message);
    }
    hash.update(value);
    await handle.writeFile(value).catch((cause: unknown) => {
      throw diskError(cause, part.data);
    });
    if (received - to.have >= progressBytes) to.progressed();
    to.progress?.(received);
  }
  if (received < file.size) throw new PassingError(`${url.host} cut the connection after ${received} bytes`);
}

async function opened(part: Part, have: number, origin: Parameters<Part['begin']>[0]): Promise<FileHandle> {
  return (have > 0 ? part.resume() : part.begin(origin)).catch((cause: unknown) => {
    throw diskError(cause, part.data);
  });
}

/** A range that begins elsewhere, or is one of another file, would be put together to nonsense. */
function checkRange({ headers, url }: Answer, have: number, size: number): void {
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+)$/u.exec(headers['content-range'] ?? '') ?? [];
  if (Number(from) === have && Number(total) === size) return;
  const message = `${url.host} sends another part of the file than was asked for. Try another mirror.`;
  throw new CaptionError('download-mismatch', message);
}

function checkEncoding({ headers, url }: Answer): void {
  const encoding = headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity') return;
  throw new CaptionError('download-failed', `${url.host} sends the file as ${encoding}. Try another mirror.`);
}

/** The one kind that `If-Range` may name. */
function strongEtag({ headers }: Answer): string | undefined {
  const { etag } = headers;
  return etag?.startsWith('"') === true ? etag : undefined;
}

function otherHash({ name, url, trust }: PlannedFile, found: string, expected: string): CaptionError {
  const who =
    trust === 'registry' ? 'is known of it' : trust === 'server' ? `${url.host} announced` : 'it had the first time';
  const message = `${name} from ${url.host} has the SHA-256 ${found} instead of ${expected}, which ${who}. It was deleted; ask again, or use another mirror.`;
  return new CaptionError('download-mismatch', message);
}
