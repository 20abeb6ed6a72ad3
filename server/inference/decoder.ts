/**
 * Step 4 of the data's way, the language model: prefixes → logits of the next token, one step after another, over a
 * cache of keys and values that never leaves ONNX Runtime's tensors. Which tokens to take is the search's business.
 */
import { Tensor } from 'onnxruntime-node';
import { gpt2Step } from '@clipcap/models/graphs/gpt2';
import type { LanguageModelManifest } from '@clipcap/models/pack/manifest';
import type { Pack } from '@clipcap/models/pack/openPack';
import { createSession, output, run, type OpenSession, type Provider, type Session } from './provider.js';
import type { Steps } from './search.js';

export class Decoder {
  readonly #session: Session;
  readonly #model: LanguageModelManifest;

  private constructor(session: Session, model: LanguageModelManifest) {
    this.#session = session;
    this.#model = model;
  }

  static async create(
    { folder, manifest, weights }: Pack,
    provider: Provider,
    open: OpenSession = createSession,
  ): Promise<Decoder> {
    const { languageModel } = manifest;
    // Only the next step reads keys and values: on a GPU they stay there.
    const presents = cacheNames(languageModel).map(presentName);
    const session = await open(gpt2Step(languageModel, weights), provider, folder, presents);
    return new Decoder(session, languageModel);
  }

  /** Starts captions after `prefix` [N,K,D]; the caller disposes the decoding. */
  begin(prefix: Float32Array, images: number): Decoding {
    return new Decoding(this.#session, this.#model, prefix, images);
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

/** Captions in the making: owns the cache that the next step continues. */
class Decoding implements Steps {
  readonly #session: Session;
  readonly #model: LanguageModelManifest;
  readonly #prefix: Tensor;
  readonly #outputs: readonly string[];
  /** By the name of the input that takes it. */
  #cache: Record<string, Tensor>;

  constructor(session: Session, model: LanguageModelManifest, prefix: Float32Array, images: number) {
    this.#session = session;
    this.#model = model;
    this.#prefix = new Tensor('float32', prefix, [images, prefix.length / images / model.width, model.width]);
    const empty = [images, model.heads, 0, model.width / model.heads];
    const names = cacheNames(model);
    this.#cache = Object.fromEntries(names.map((name) => [name, new Tensor('float32', new Float32Array(), empty)]));
    this.#outputs = ['logits', ...names.map(presentName)];
  }

  first(): Promise<Float32Array> {
    const images = this.#prefix.dims[0]!;
    const everyImage = Array.from({ length: images }, (_, index) => index);
    return this.#step(this.#prefix, int64([], [images, 0]), everyImage);
  }

  next(rows: readonly number[], tokens: readonly number[]): Promise<Float32Array> {
    const noEmbeds = new Tensor('float32', new Float32Array(), [rows.length, 0, this.#model.width]);
    return this.#step(noEmbeds, int64(tokens, [rows.length, 1]), rows);
  }

  async #step(embeds: Tensor, ids: Tensor, rows: readonly number[]): Promise<Float32Array> {
    const feeds = { inputs_embeds: embeds, input_ids: ids, beam_idx: int64(rows, [rows.length]), ...this.#cache };
    const outputs = await run(this.#session, feeds, this.#outputs);
    this.dispose();
    for (const past of Object.keys(this.#cache)) this.#cache[past] = output(outputs, presentName(past), 'float32');
    const logits = output(outputs, 'logits', 'float32');
    // The array owns its memory: it outlives the tensor, and a copy would cost a batch of beams megabytes at every step.
    const { data } = logits;
    logits.dispose();
    return data;
  }

  dispose(): void {
    for (const tensor of Object.values(this.#cache)) tensor.dispose();
  }
}

/** What keys and values of one row take at `positions`: those of the step before are given up after a step. */
export function cacheBytes({ layers, width }: LanguageModelManifest, positions: number): number {
  return 2 * (2 * layers * width * positions * Float32Array.BYTES_PER_ELEMENT);
}

/** The inputs that hold keys and values. */
function cacheNames({ layers }: LanguageModelManifest): string[] {
  return Array.from({ length: layers }, (_, layer) => [`past_key_${layer}`, `past_value_${layer}`]).flat();
}

function presentName(past: string): string {
  return past.replace('past', 'present');
}

function int64(values: readonly number[], dims: readonly number[]): Tensor {
  return new Tensor('int64', BigInt64Array.from(values, BigInt), dims);
}
