/**
 * A file that is still arriving: a folder `NAME.part…` beside the place of the finished file, with what has come and
 * what is needed to go on with it. The folder's name says which process works on it; taking one over is one rename, so
 * two processes never write to the same bytes.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { CaptionError } from '@clipcap/protocol/error';
import { hasEnded, owner } from '../owner.js';
import { readSmallFile } from '../readSmallFile.js';
import { diskError } from './errors.js';

/** What the bytes that have come belong to. */
const origin = z.object({ url: z.string(), etag: z.optional(z.string()), size: z.number() });
export type Origin = z.infer<typeof origin>;
const largestOrigin = 2 ** 16;

/** A process that has written nothing for this long has died, or sleeps for good. */
const abandonedMilliseconds = 10 * 60_000;

export class Part {
  readonly #folder: string;
  readonly #name: string;
  #place: string;

  private constructor(folder: string, name: string, place: string) {
    this.#folder = folder;
    this.#name = name;
    this.#place = place;
  }

  /**
   * Takes what is there of a file, or begins it.
   * @throws CaptionError `download-busy` if a living process works on it, `download-unwritable`, `download-space`
   */
  static async claim(folder: string, name: string): Promise<Part> {
    const own = join(folder, `${name}.part-${owner}-${randomBytes(4).toString('hex')}`);
    try {
      for (const found of await partsOf(folder, name)) {
        const other = await livingOwner(join(folder, found), name);
        if (other !== undefined) throw busy(name, other);
        const taken = await rename(join(folder, found), own).then(
          () => true,
          () => false,
        );
        if (taken) return new Part(folder, name, own);
      }
      await mkdir(own);
      return new Part(folder, name, own);
    } catch (cause) {
      throw diskError(cause, own);
    }
  }

  /** The file with the bytes that have come. */
  get data(): string {
    return join(this.#place, 'data');
  }

  /** Bytes that have come. */
  async size(): Promise<number> {
    return (await stat(this.data).catch(() => undefined))?.size ?? 0;
  }

  /** What they belong to, if that is known. */
  async origin(): Promise<Origin | undefined> {
    try {
      return origin.parse(JSON.parse(await readSmallFile(join(this.#place, 'origin.json'), largestOrigin)));
    } catch {
      return undefined;
    }
  }

  /** Empties the part: what comes now belongs to `from`. */
  async begin(from: Origin): Promise<FileHandle> {
    await rm(this.data, { force: true });
    await writeFile(join(this.#place, 'origin.json'), JSON.stringify(from));
    return open(this.data, 'w');
  }

  /** Goes on behind what has come. */
  resume(): Promise<FileHandle> {
    return open(this.data, 'a');
  }

  /** Makes it the finished file. */
  async finish(): Promise<void> {
    await rename(this.data, join(this.#folder, this.#name));
    await this.discard();
  }

  async discard(): Promise<void> {
    await rm(this.#place, { recursive: true, force: true });
  }

  /** Leaves it to whoever asks next. */
  async release(): Promise<void> {
    const free = join(this.#folder, `${this.#name}.part`);
    await rename(this.#place, free).catch(() => undefined);
    this.#place = free;
  }
}

/** Bytes of a file that have come so far. */
export async function arrived(folder: string, name: string): Promise<number> {
  const sizes = (await partsOf(folder, name)).map(async (part) => {
    const data = await stat(join(folder, part, 'data')).catch(() => undefined);
    return data?.size ?? 0;
  });
  return Math.max(0, ...(await Promise.all(sizes)));
}

async function partsOf(folder: string, name: string): Promise<readonly string[]> {
  const entries = await readdir(folder);
  return entries.filter((entry) => entry === `${name}.part` || entry.startsWith(`${name}.part-`)).toSorted();
}

/** The process that works on a part, if it lives. */
async function livingOwner(place: string, name: string): Promise<number | undefined> {
  const [, named, pid] = /\.part-([0-9a-f]{8}-(\d+))-[0-9a-f]{8}$/u.exec(place) ?? [];
  if (named === undefined || !place.includes(`${name}.part-`)) return undefined;
  const found = (await stat(join(place, 'data')).catch(() => undefined)) ?? (await stat(place).catch(() => undefined));
  if (!found || Date.now() - found.mtimeMs > abandonedMilliseconds) return undefined;
  return hasEnded(named) ? undefined : Number(pid);
}

function busy(name: string, pid: number): CaptionError {
  const message = `Another process (${pid}) is downloading ${name}. Wait until it has finished, then ask again.`;
  return new CaptionError('download-busy', message);
}
