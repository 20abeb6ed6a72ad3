/** What a download would fetch, from where, and how many bytes: asked of the server before anyone agrees to it. */
import { CaptionError } from '@clipcap/protocol/error';
import type { Model, ModelFile } from '../registry/registry.js';
import type { Answer, Connection } from './connection.js';
import { ordinaryPatience, withRetries, type Patience } from './retry.js';

/** Whose word a file's hash is: the registry's, the server's, or nobody's until the file has come once. */
type Trust = 'registry' | 'server' | 'first-use';

export interface PlannedFile {
  readonly name: string;
  readonly url: URL;
  /** In bytes, exact: one more is refused. */
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256?: string;
  readonly trust: Trust;
}

export interface Plan {
  readonly files: readonly PlannedFile[];
  /** Of all files. */
  readonly bytes: number;
  /** Every server that will be asked. */
  readonly hosts: readonly string[];
}

interface Options {
  readonly signal?: AbortSignal | undefined;
  readonly patience?: Patience | undefined;
}

const sha256 = /^[0-9a-f]{64}$/u;
const commit = /^[0-9a-f]{40}$/u;

/**
 * Asks for each file's size and hash; all are taken from the same commit.
 * @throws CaptionError `download-mismatch` if the server has another file than the registry says, and those of `Connection.ask`
 */
export async function planDownload(model: Model, connection: Connection, options: Options = {}): Promise<Plan> {
  const { signal, patience = ordinaryPatience } = options;
  let { revision = 'main' } = model;
  const files: PlannedFile[] = [];
  const hosts = new Set<string>();
  const head = (url: URL): Promise<Answer> =>
    withRetries(model.id, () => connection.ask(url, { method: 'HEAD', signal, enough: saysSize }), patience, signal);
  const plan = async (file: ModelFile): Promise<void> => {
    const answer = await head(addressOf(model, file, revision, connection.endpoint));
    const said = answer.first['x-repo-commit'];
    if (said !== undefined && commit.test(said)) revision = said;
    const url = addressOf(model, file, revision, connection.endpoint);
    files.push(planned(file, url, answer));
    hosts.add(url.host).add(answer.url.host);
  };
  for (const file of model.files) {
    try {
      await plan(file);
    } catch (error) {
      if (!(error instanceof CaptionError) || error.code !== 'download-missing') throw error;
      if (file.orElse !== undefined) await plan({ name: file.orElse });
      else if (file.optional !== true) throw error;
    }
  }
  return { files, bytes: files.reduce((sum, { size }) => sum + size, 0), hosts: [...hosts] };
}

/** The hub's own headers describe the file that it redirects to. */
function saysSize(headers: Answer['headers']): boolean {
  return headers['x-linked-size'] !== undefined;
}

function addressOf(model: Model, file: ModelFile, revision: string, endpoint: URL): URL {
  if (file.url !== undefined) return new URL(file.url);
  const base = endpoint.href.replace(/\/$/u, '');
  return new URL(`${base}/${model.repository ?? model.id}/resolve/${revision}/${file.name}`);
}

function planned(file: ModelFile, url: URL, { first, headers }: Answer): PlannedFile {
  const { name } = file;
  const size = wholeNumber(first['x-linked-size'] ?? headers['x-linked-size'] ?? headers['content-length']);
  if (size === undefined || size === 0) {
    throw new CaptionError('download-failed', `${url.host} does not say how large ${name} is. Try another mirror.`);
  }
  if (file.size !== undefined && file.size !== size) {
    const message = `${url.host} has a ${name} of ${size} bytes where ${file.size} are known. It is another file: use another mirror.`;
    throw new CaptionError('download-mismatch', message);
  }
  const etag = (first['x-linked-etag'] ?? headers['x-linked-etag'])?.replace(/^(?:W\/)?"|"$/gu, '');
  const stated = etag !== undefined && sha256.test(etag) ? etag : undefined;
  if (file.sha256 !== undefined && stated !== undefined && file.sha256 !== stated) {
    const message = `${url.host} has a ${name} with another SHA-256 than is known of it. It is another file: use another mirror.`;
    throw new CaptionError('download-mismatch', message);
  }
  if (file.sha256 !== undefined) return { name, url, size, sha256: file.sha256, trust: 'registry' };
  return stated === undefined
    ? { name, url, size, trust: 'first-use' }
    : { name, url, size, sha256: stated, trust: 'server' };
}

function wholeNumber(text: string | undefined): number | undefined {
  const number = text !== undefined && /^\d{1,15}$/u.test(text) ? Number(text) : undefined;
  return number !== undefined && Number.isSafeInteger(number) ? number : undefined;
}
