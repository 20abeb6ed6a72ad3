/** `clipcap caption`: captions images and folders of images, and prints or writes what was found. */
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CancellationTokenSource } from 'vscode-jsonrpc';
import type { CaptionResult, ErrorCode, ImageEntry, ModelInfo } from '@clipcap/protocol/caption';
import { CaptionError, concernsModel } from '@clipcap/protocol/error';
import { priorities } from '@clipcap/protocol/inference';
import { plain } from '../plain.js';
import { createInference } from '../process/createInference.js';
import type { ProvedInference } from '../process/provedInference.js';
import { readImage } from '../process/readImage.js';
import { defaultVerdictsFile } from '../process/verdicts.js';
import { Recent } from '../recent.js';
import { ByteRoom } from './byteRoom.js';
import { captionDocument } from './captionDocument.js';
import type { CaptionRequest } from './commandLine.js';
import { interruptedExitCode, onInterruption } from './interruption.js';
import { findImages, type ImagePath } from './images.js';
import { checkOutput, unexpected, writeWhole } from './output.js';
import type { Places } from './places.js';
import { Progress } from './progress.js';
import { describeEntry } from './text.js';

/** Images that are read and asked for at a time: enough for full batches, few enough for the memory. */
const concurrency = 24;
/** Bytes of files that are in memory at a time; as much again may be with the inference process. */
const bytesAtATime = 256 * 2 ** 20;
/** Captions that are kept for equal files: some 10 kB each, and four times that of the longest published prefix. */
const keptResults = 1000;

/** Lines of the inference process that are shown if it fails. */
const keptLines = 20;

/** Captions what was asked for and answers the exit code. */
export async function caption(request: CaptionRequest, places: Places): Promise<number> {
  const { model, output } = request;
  const progress = new Progress(process.stderr);
  /** What the inference process printed last. */
  const said: string[] = [];
  const inference = createInference({
    verdicts: defaultVerdictsFile(),
    // One document names one provider.
    switches: false,
    process: {
      entry: places.inference,
      idleMilliseconds: Infinity,
      log: (level, message) => {
        if (level === 'warn') progress.say(`${plain(message)}\n`);
        // Its errors are rejections too.
        else if (level === 'info') said.push(message);
        if (said.length > keptLines) said.shift();
      },
    },
  });
  const interruption = new CancellationTokenSource();
  const ignore = onInterruption(() => interruption.cancel());
  try {
    if (output !== undefined) await checkOutput(output);
    inference.start();
    const captioning = new Captioning(inference, request, model === 'builtin' ? places.builtin : resolve(model));
    const codes = await report(captioning, request, progress, interruption);
    if (codes.some(concernsInference)) for (const line of said) progress.say(`${plain(line)}\n`);
    return codes.length > 0 ? 1 : 0;
  } catch (cause) {
    progress.clear();
    const error = cause instanceof CaptionError ? cause : unexpected(cause);
    if (error.code === 'cancelled') return interruptedExitCode;
    if (concernsInference(error.code)) for (const line of said) process.stderr.write(`${plain(line)}\n`);
    return await fail(request, error);
  } finally {
    progress.clear();
    await inference.dispose();
    ignore();
  }
}

/** There is no log to look into: what the inference process printed is shown with these. */
function concernsInference(code: ErrorCode): boolean {
  return code.startsWith('inference-');
}

/** Runs everything and prints it in order, as soon as it is known. Answers the codes of images that failed. */
async function report(
  captioning: Captioning,
  request: CaptionRequest,
  progress: Progress,
  interruption: CancellationTokenSource,
): Promise<readonly ErrorCode[]> {
  const wantsDocument = request.json || request.output !== undefined;
  const images = await findImages(request.paths);
  /** For the document, which is written when all of it is known. */
  const entries: ImageEntry[] = [];
  const codes: ErrorCode[] = [];
  const pending = new Map<number, ImageEntry>();
  let [done, reported] = [0, 0];
  progress.show(done, images.length);
  await eachConcurrently(images, concurrency, async (image, index) => {
    // Of those that are decoded together, the one that is printed next.
    const grown = (text: string): void => {
      if (index === reported) progress.grow(plain(text));
    };
    const entry = await captioning.entry(image, interruption, progress.visible ? grown : undefined);
    pending.set(index, entry);
    progress.show(++done, images.length);
    for (let next = pending.get(reported); next; next = pending.get(reported)) {
      pending.delete(reported++);
      if ('error' in next) codes.push(next.error.code);
      if (wantsDocument) entries.push(next);
      else progress.print(process.stdout, describeEntry(next, process.stdout));
    }
  });
  const model = await captioning.model();
  if (wantsDocument) await publish(request, captionDocument(model, entries));
  return codes;
}

/** Says what kept everything from being captioned, and answers the exit code. */
async function fail(request: CaptionRequest, { code, message }: CaptionError): Promise<number> {
  process.stderr.write(`${plain(message)}\n`);
  // A file that may be the very thing that is wrong is left as it is.
  const answered =
    code === 'usage' ? { ...request, output: undefined, json: request.json && !request.output } : request;
  const document = JSON.stringify({ version: 1, error: { code, message } }, null, 2);
  await publish(answered, [`${document}\n`]).catch((error: unknown) => {
    process.stderr.write(`${plain(String(error))}\n`);
  });
  return code === 'usage' ? 2 : 3;
}

async function publish({ json, output }: CaptionRequest, document: Iterable<string>): Promise<void> {
  if (output !== undefined) {
    await writeWhole(output, document);
  } else if (json) {
    for (const piece of document) if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
  }
}

/** One request's way from a path to its entry in the document. */
class Captioning {
  readonly #inference: ProvedInference;
  readonly #request: CaptionRequest;
  readonly #folder: string;
  /** By the file's SHA-256: equal files that are not far from each other are captioned once. */
  readonly #results = new Recent<Promise<CaptionResult>>(keptResults);
  readonly #room = new ByteRoom(bytesAtATime);
  #model: ModelInfo | undefined;

  constructor(inference: ProvedInference, request: CaptionRequest, folder: string) {
    this.#inference = inference;
    this.#request = request;
    this.#folder = folder;
  }

  /** An image's entry. Rejects with what concerns all images: the pack, the runtime, wrong usage, an interruption. */
  async entry(
    { path, place = path, error }: ImagePath,
    interruption: CancellationTokenSource,
    grown?: (text: string) => void,
  ): Promise<ImageEntry> {
    // What cannot be looked at takes no room: reading it fails.
    const size = await stat(place).then(
      (status) => status.size,
      () => 0,
    );
    await this.#room.take(size);
    try {
      if (error) throw error;
      const { bytes, sha256 } = await readImage(place, path);
      const run = (): Promise<CaptionResult> => this.#caption(path, bytes, sha256, interruption, grown);
      // A failure names its file, so that of an equal file will not do.
      const result = this.#results.get(sha256)?.catch(run) ?? run();
      this.#results.set(sha256, result);
      const { model, image } = await result;
      this.#model ??= model;
      return { path, ...image };
    } catch (cause) {
      if (!(cause instanceof CaptionError)) throw cause;
      const { code, message } = cause;
      // What was captioned before the process died for good is not thrown away.
      const late = code === 'inference-down' && this.#model !== undefined;
      const concernsAll = !late && (concernsModel(code) || code === 'usage' || code === 'cancelled');
      if (!concernsAll) return { path, error: { code, message } };
      interruption.cancel();
      throw cause;
    } finally {
      this.#room.give(size);
    }
  }

  /** The model that made the captions; loaded to be named if there was no image to caption. */
  async model(): Promise<ModelInfo> {
    return this.#model ?? this.#inference.load(this.#folder, this.#request.provider);
  }

  #caption(
    name: string,
    bytes: Uint8Array,
    sha256: string,
    interruption: CancellationTokenSource,
    grown?: (text: string) => void,
  ): Promise<CaptionResult> {
    const { provider, options } = this.#request;
    return this.#inference.caption(
      { model: this.#folder, provider, bytes, name, sha256, priority: priorities.batch, options },
      interruption.token,
      grown,
    );
  }
}

/** Runs `work` on every item, at most `limit` at a time, in order; rejects with the first failure. */
async function eachConcurrently<Item>(
  items: readonly Item[],
  limit: number,
  work: (item: Item, index: number) => Promise<void>,
): Promise<void> {
  const rest = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of rest) await work(item, index);
  };
  await Promise.all(Array.from({ length: limit }, worker));
}
