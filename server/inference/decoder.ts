/**
 * Step 4 of the data's way, the language model: prefixes → logits of the next token, one step after another, over a
 * cache of keys and values. Which tokens to take is the search's business.
 */
import { Tensor } from 'onnxruntime-node';
import { gpt2Step } from '@clipcap/models/graphs/gpt2';
import type { LanguageModelManifest } from '@clipcap/models/pack/manifest';
import type { Pack } from '@clipcap/models/pack/openPack';
import { DeviceCache, HostCache, presentNames, type KeyValueCache } from './keyValueCache.js';
import { createSession, output, run, type OpenSession, type Provider, type Session } from './provider.js';
import type { Steps } from './search.js';
import { keepsOutputs } from './sessionOptions.js';

export class Decoder {
  readonly #session: Session;
  readonly #model: LanguageModelManifest;
  readonly #isOnDevice: boolean;

  private constructor(session: Session, model: LanguageModelManifest, isOnDevice: boolean) {
    this.#session = session;
    this.#model = model;
    this.#isOnDevice = isOnDevice;
  }

  static async create(
    { folder, manifest, weights }: Pack,
    provider: Provider,
    open: OpenSession = createSession,
  ): Promise<Decoder> {
    const { languageModel } = manifest;
    const isOnDevice = keepsOutputs(provider);
    const graph = gpt2Step(languageModel, weights, { cache: isOnDevice ? 'present' : 'added' });
    const kept = isOnDevice ? presentNames(languageModel) : [];
    return new Decoder(await open(graph, provider, folder, kept), languageModel, isOnDevice);
  }

  /** Starts captions after `prefix` [N,K,D]; the caller disposes the decoding. */
  begin(prefix: Float32Array, images: number): Decoding {
    const cache = this.#isOnDevice ? new DeviceCache(this.#model) : new HostCache(this.#model);
    const { width } = this.#model;
    const embeds = new Tensor('float32', prefix, [images, prefix.length / images / width, width]);
    return new Decoding(this.#session, cache, embeds);
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

/** Captions in the making: owns the cache that the next step continues. */
class Decoding implements Steps {
  readonly #session: Session;
  readonly #cache: KeyValueCache;
  /** [N,K,D] */
  readonly #prefix: Tensor;
  /** Of every sequence of the last step: the cache's rows that it attends to, by position. */
  #attendedRows: readonly (readonly number[])[] = [];

  constructor(session: Session, cache: KeyValueCache, prefix: Tensor) {
    this.#session = session;
    this.#cache = cache;
    this.#prefix = prefix;
  }

  first(): Promise<Float32Array> {
    const [images, positions] = [this.#prefix.dims[0]!, this.#prefix.dims[1]!];
    const nothing = Array.from({ length: images }, () => []);
    return this.#step(this.#prefix, new Tensor('int64', new BigInt64Array(), [images, 0]), nothing, positions);
  }

  next(rows: readonly number[], tokens: readonly number[]): Promise<Float32Array> {
    const noEmbeds = new Tensor('float32', new Float32Array(), [rows.length, 0, this.#prefix.dims[2]!]);
    const ids = new Tensor('int64', BigInt64Array.from(tokens, BigInt), [rows.length, 1]);
    const continued = this.#forget(rows.map((row) => this.#attendedRows[row]!));
    return this.#step(noEmbeds, ids, continued, 1);
  }

  /** Lets the cache forget what no sequence attends to any more, once that is more than half of it. */
  #forget(attendedRows: readonly (readonly number[])[]): readonly (readonly number[])[] {
    if (!this.#cache.retain) return attendedRows;
    const alive = [...new Set(attendedRows.flat())];
    if (2 * alive.length >= this.#cache.rows) return attendedRows;
    alive.sort((a, b) => a - b);
    this.#cache.retain(alive);
    const moved = new Map(alive.map((row, index) => [row, index]));
    return attendedRows.map((list) => list.map((row) => moved.get(row)!));
  }

  /** @param positions that each sequence adds to what it continues */
  async #step(
    embeds: Tensor,
    ids: Tensor,
    continued: readonly (readonly number[])[],
    positions: number,
  ): Promise<Float32Array> {
    const { rows } = this.#cache;
    const attendedRows = continued.map((earlier, sequence) => [
      ...earlier,
      ...Array.from({ length: positions }, (_, position) => rows + sequence * positions + position),
    ]);
    const feeds = {
      inputs_embeds: embeds,
      input_ids: ids,
      attended_rows: byPosition(attendedRows),
      ...this.#cache.feeds(),
    };
    const outputs = await run(this.#session, feeds, ['logits', ...this.#cache.outputs]);
    this.#cache.take(outputs);
    this.#attendedRows = attendedRows;
    const logits = output(outputs, 'logits', 'float32');
    // The array owns its memory: it outlives the tensor, and a copy would cost a batch of beams megabytes at every step.
    const { data } = logits;
    logits.dispose();
    return data;
  }

  dispose(): void {
    this.#cache.dispose();
  }
}

/** Lists of one length, a list for each sequence → int32 [positions,N] */
function byPosition(lists: readonly (readonly number[])[]): Tensor {
  const positions = lists[0]!.length;
  const values = Int32Array.from({ length: positions * lists.length }, (_, index) => {
    return lists[index % lists.length]![Math.floor(index / lists.length)]!;
  });
  return new Tensor('int32', values, [positions, lists.length]);
}
