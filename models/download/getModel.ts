/** A model from the registry to the disk, with the user's consent and never without. */
import { mkdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';
import { statedSize, type Model, type ModelFile } from '../registry/registry.js';
import type { Connection } from './connection.js';
import { diskError } from './errors.js';
import { fetchFile } from './fetchFile.js';
import { arrived } from './part.js';
import { planDownload, type Plan } from './plan.js';
import type { Patience } from './retry.js';
import { folderOf, presentFile, readNote, storedModel, writeNote, type Note } from './store.js';

/** What the user is asked. Nothing is asked of any server before the first answer is yes. */
export type Question =
  /** The size is not known here: may the server be asked for it? */
  | { readonly kind: 'size'; readonly model: Model; readonly host: string }
  /** May these bytes be downloaded? `missing` is less than `bytes` if a part of them is there. */
  | {
      readonly kind: 'download';
      readonly model: Model;
      readonly bytes: number;
      readonly missing: number;
      readonly hosts: readonly string[];
    };

export interface Progress {
  readonly file: string;
  /** Of the whole model, in bytes. */
  readonly received: number;
  readonly total: number;
}

export interface GetOptions {
  readonly connection: Connection;
  /** The folder of all models. */
  readonly store: string;
  readonly consent: (question: Question) => Promise<boolean>;
  readonly progress?: (progress: Progress) => void;
  readonly signal?: AbortSignal | undefined;
  readonly patience?: Patience | undefined;
}

/**
 * @returns the model's folder, or undefined if the user said no
 * @throws CaptionError `download-manual` for what only a browser can fetch, any other download code, or `cancelled`
 */
export async function getModel(model: Model, options: GetOptions): Promise<string | undefined> {
  const { connection, store, consent, signal, patience } = options;
  if (model.page !== undefined) throw manual(model, model.page);
  const there = await storedModel(model.id, store, signal);
  if (there !== undefined) return there;
  connection.checkOnline();

  const folder = folderOf(model.id, store);
  const host = hostOf(model, connection);
  const known = statedSize(model);
  const ask = (bytes: number, missing: number, hosts: readonly string[]): Promise<boolean> =>
    consent({ kind: 'download', model, bytes, missing, hosts });
  let agreed: boolean;
  if (known?.exact === true) {
    const missing = known.bytes - (await bytesThere(folder, model.id, model.files));
    agreed = await ask(known.bytes, missing, [host]);
  } else {
    agreed = await consent({ kind: 'size', model, host });
  }
  if (!agreed) return undefined;

  const plan = await planDownload(model, connection, { signal, patience });
  const missing = plan.bytes - (await bytesThere(folder, model.id, plan.files));
  if (known?.exact !== true && !(await ask(plan.bytes, missing, plan.hosts))) return undefined;
  await prepare(folder, missing);
  await fetchAll(model, plan, folder, options);
  return folder;
}

async function fetchAll(model: Model, plan: Plan, folder: string, options: GetOptions): Promise<void> {
  const { connection, progress, signal, patience } = options;
  const files: Note['files'] = { ...(await readNote(folder, model.id))?.files };
  let before = 0;
  for (const file of plan.files) {
    const stored = files[file.name];
    const tell = (received: number): void =>
      progress?.({ file: file.name, received: before + received, total: plan.bytes });
    const current = stored !== undefined && (file.sha256 === undefined || file.sha256 === stored.sha256);
    const present = current ? await presentFile(folder, file.name, stored, signal) : undefined;
    if (present) {
      files[file.name] = present;
    } else {
      const seenBefore = stored?.trust === 'first-use' ? stored.sha256 : undefined;
      const sha256 = await fetchFile(file, folder, { connection, seenBefore, progress: tell, signal, patience });
      const { size, trust, url } = file;
      // After the last renaming, which counts as a change of the entry.
      const { mtimeMs: modified, ctimeMs: changed } = await stat(join(folder, file.name));
      files[file.name] = { size, sha256, trust, url: url.href, modified, changed };
      await writeNote(folder, { version: 1, id: model.id, complete: false, files });
    }
    before += file.size;
    tell(0);
  }
  const wanted = new Set(plan.files.map(({ name }) => name));
  const kept = Object.fromEntries(Object.entries(files).filter(([name]) => wanted.has(name)));
  await writeNote(folder, { version: 1, id: model.id, complete: true, files: kept });
}

/** Makes the folder, and refuses what cannot fit. */
async function prepare(folder: string, missing: number): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw diskError(cause, folder);
  });
  const disk = await statfs(folder).catch(() => undefined);
  const free = disk && disk.bavail * disk.bsize;
  if (free === undefined || free >= missing) return;
  const message = `${folder} has room for ${free} bytes, and ${missing} are to come. Make room, or name another folder in CLIPCAP_MODELS.`;
  throw new CaptionError('download-space', message);
}

/** Bytes of these files that need not come again. */
async function bytesThere(
  folder: string,
  id: string,
  files: readonly Pick<ModelFile, 'name' | 'size'>[],
): Promise<number> {
  const note = await readNote(folder, id);
  let bytes = 0;
  for (const { name, size = 0 } of files) {
    const stored = note?.files[name];
    const whole = stored ? await stat(join(folder, name)).catch(() => undefined) : undefined;
    bytes += whole ? whole.size : Math.min(size, await arrived(folder, name).catch(() => 0));
  }
  return bytes;
}

/** The server that is asked first. */
function hostOf({ files }: Model, { endpoint }: Connection): string {
  const url = files.find((file) => file.url !== undefined)?.url;
  return url === undefined ? endpoint.host : new URL(url).host;
}

function manual({ title, files }: Model, page: string): CaptionError {
  const names = files.map(({ name }) => name).join(', ');
  const message = `${title} lies where only a browser can fetch it. Open ${page}, download ${names}, and import the file.`;
  return new CaptionError('download-manual', message);
}
