/** What a download would fetch, from where, and how many bytes: asked of the server before anyone agrees to it. */
import { CaptionError } from '@clipcap/protocol/error';
import type { Model, ModelFile } from '../registry/registry.js';
import type { Answer, Connection } from './connection.js';
import { ordinaryPatience, withRetries, type Patience } from './retry.js';
import { measure, shardsOf } from './smallFile.js';

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
 * Asks for each file's size and hash; all are taken from the same commit. Weights in several files are those that their
 * index lists.
 * @throws CaptionError `download-mismatch` if the server has another file than the registry says, and those of `Connection.ask`
 */
export async function planDownload(model: Model, connection: Connection, options: Options = {}): Promise<Plan> {
  const { signal, patience = ordinaryPatience } = options;
  let { revision = 'main' } = model;
  const files: PlannedFile[] = [];
  const hosts = new Set<string>();
  const patiently = <Result>(ask: () => Promise<Result>): Promise<Result> =>
    withRetries(model.id, ask, patience, signal);
  const plan = async (file: ModelFile): Promise<PlannedFile> => {
    const asked = addressOf(model, file, revision, connection.endpoint);
    const answer = await patiently(() => connection.ask(asked, { method: 'HEAD', signal, enough: saysSize }));
    const said = answer.first['x-repo-commit'];
    if (said !== undefined && commit.test(said)) revision = said;
    const url = addressOf(model, file, revision, connection.endpoint);
    const size = sizeIn(answer) ?? (await patiently(() => measure(connection, url, signal)));
    const one = planned(file, url, answer, size);
    files.push(one);
    hosts.add(url.host).add(answer.url.host);
    return one;
  };
  for (const file of model.files) {
    const found = await firstThere([file, ...(file.orElse ?? []).map((name) => ({ name }))], plan);
    if (found?.name.endsWith('.index.json') === true) {
      for (const name of await patiently(() => shardsOf(connection, found.url, signal))) await plan({ name });
    } else if (found === undefined && file.optional !== true) {
      throw missing(model, file, connection.endpoint);
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

/** What `plan` says of the first of these files that the server has; undefined if it has none of them. */
async function firstThere(
  files: readonly ModelFile[],
  plan: (file: ModelFile) => Promise<PlannedFile>,
): Promise<PlannedFile | undefined> {
  for (const file of files) {
    try {
      return await plan(file);
    } catch (error) {
      if (!(error instanceof CaptionError) || error.code !== 'download-missing') throw error;
    }
  }
  return undefined;
}

function missing(model: Model, { name, orElse = [], url }: ModelFile, endpoint: URL): CaptionError {
  const { host } = url === undefined ? endpoint : new URL(url);
  const remedy =
    model.files.length > 1
      ? `Check the model’s name; one file of weights alone is named with it: ${model.repository ?? model.id}/FILE.`
      : 'Check the model’s name.';
  const message = `${host} has no ${[name, ...orElse].join(' or ')} of ${model.repository ?? model.id} (404). ${remedy}`;
  return new CaptionError('download-missing', message);
}

/** In bytes, as the answer says. */
function sizeIn({ first, headers }: Answer): number | undefined {
  return wholeNumber(first['x-linked-size'] ?? headers['x-linked-size'] ?? headers['content-length']);
}

function planned(file: ModelFile, url: URL, { first, headers }: Answer, size: number | undefined): PlannedFile {
  const { name } = file;
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
