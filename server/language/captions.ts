/**
 * Captions of image files: each file is read once, each content captioned once. What was captioned lately answers from
 * memory after one look at the file's time and size.
 */
import { stat } from 'node:fs/promises';
import type { CancellationToken } from 'vscode-languageserver';
import { optionsKey, type CaptionOptions, type CaptionResult } from '@clipcap/protocol/caption';
import type { Priority } from '@clipcap/protocol/inference';
import type { InferenceProcess } from '../process/inferenceProcess.js';
import { type ImageFile, readImage } from '../process/readImage.js';
import { Recent } from '../recent.js';

/** What captions and the Prefix Lens need of the inference process. */
export type Inference = Pick<
  InferenceProcess,
  'state' | 'onState' | 'caption' | 'lens' | 'encode' | 'picture' | 'load' | 'restart' | 'dispose'
>;

/** The model to caption with, and how. */
export interface Model {
  /** The pack's folder. */
  readonly folder: string;
  readonly provider: string;
  readonly options: CaptionOptions;
}

/** Captions kept in memory: some 15 kB each. */
const rememberedResults = 1000;
const rememberedFiles = 10_000;

export class Captions {
  readonly #inference: Inference;
  readonly #contents = new Recent<string>(rememberedFiles);
  /** By the file's identity: those who ask while a file is being read share the reading. */
  readonly #reading = new Map<string, Promise<ImageFile>>();
  readonly #results = new Recent<CaptionResult>(rememberedResults);

  constructor(inference: Inference) {
    this.#inference = inference;
  }

  /**
   * Captions the image at `path`. Without a token the run goes on to its end, whoever still waits for it.
   *
   * @throws CaptionError
   */
  async caption(path: string, model: Model, priority: Priority, token?: CancellationToken): Promise<CaptionResult> {
    const identity = await fileIdentity(path);
    const known = this.#known(identity, model);
    if (known) return known;
    const { bytes, sha256 } = await this.#read(path, identity);
    if (identity !== undefined) this.#contents.set(identity, sha256);
    const key = resultKey(sha256, model);
    const twin = this.#results.get(key);
    if (twin) return twin;
    const { folder, provider, options } = model;
    const result = await this.#inference.caption(
      { model: folder, provider, bytes, name: path, sha256, priority, options },
      token,
    );
    this.#results.set(key, result);
    return result;
  }

  #read(path: string, identity: string | undefined): Promise<ImageFile> {
    if (identity === undefined) return readImage(path);
    const running = this.#reading.get(identity);
    if (running) return running;
    const reading = readImage(path).finally(() => this.#reading.delete(identity));
    this.#reading.set(identity, reading);
    return reading;
  }

  /** What `caption` would answer from memory, without reading the file. */
  async remembered(path: string, model: Model): Promise<CaptionResult | undefined> {
    return this.#known(await fileIdentity(path), model);
  }

  #known(identity: string | undefined, model: Model): CaptionResult | undefined {
    const content = identity === undefined ? undefined : this.#contents.get(identity);
    return content === undefined ? undefined : this.#results.get(resultKey(content, model));
  }

  /** Forgets all captions, as after a restart, when a pack may hold other files than before. */
  forget(): void {
    this.#results.clear();
  }
}

/** What changes with the file's content; undefined where the file cannot be looked at (reading it says why). */
async function fileIdentity(path: string): Promise<string | undefined> {
  try {
    const { mtimeNs, size, ino } = await stat(path, { bigint: true });
    return JSON.stringify([path, String(mtimeNs), String(size), String(ino)]);
  } catch {
    return undefined;
  }
}

function resultKey(sha256: string, { folder, provider, options }: Model): string {
  return JSON.stringify([sha256, folder, provider, optionsKey(options)]);
}
