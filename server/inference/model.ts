/**
 * A resident model: the data's way from preprocessed pixels to captions and nearest words. It owns the sessions; each
 * step is a file of its own beside this one.
 */
import { openPackAndMake, type Pack } from '@clipcap/models/pack/openPack';
import type { ImageRecipe } from '@clipcap/models/pack/manifest';
import { encoderName, mapperName } from '@clipcap/models/pack/names';
import type { Caption, CaptionOptions, ModelInfo, PrefixPosition, Timings } from '@clipcap/protocol/caption';
import { generate as generateCaptions } from './generate.js';
import type { NearestToRow } from './interpret.js';
import { cacheBytes } from './keyValueCache.js';
import { LensModel } from './lens/lensModel.js';
import { resolveOptions, type ResolvedOptions } from './options.js';
import { openParts, type Parts } from './parts.js';
import { inPrecisionOf } from './precision.js';
import { chooseProvider, type Provider } from './provider.js';
import type { FoundCaption, Grown } from './search.js';
import { Tokenizer } from './tokenizer.js';

export interface ModelOutput {
  readonly captions: readonly Caption[];
  readonly prefix: readonly PrefixPosition[];
  /** Of the batch, divided by its images. */
  readonly timings: Pick<Timings, 'encode' | 'map' | 'generate' | 'interpret'>;
}

/** Bytes: of GPT-2 small, with a prefix of 10 and 67 tokens, 23 captions, or 5 with five beams. */
const cacheBudget = 2 ** 28;

export class Model {
  readonly info: ModelInfo;
  readonly title: string;
  readonly imageRecipe: ImageRecipe;
  /** For the Prefix Lens. */
  readonly lens: LensModel;
  readonly #pack: Pack;
  readonly #parts: Parts;
  readonly #tokenizer: Tokenizer;

  private constructor(pack: Pack, provider: Provider, parts: Parts, tokenizer: Tokenizer) {
    const { manifest } = pack;
    this.info = {
      id: manifest.id,
      encoder: encoderName(manifest.encoder),
      mapper: mapperName(manifest.mapper),
      prefixLength: manifest.mapper.prefixLength,
      width: manifest.languageModel.width,
      dtype: manifest.dtype,
      provider,
    };
    this.title = manifest.title;
    this.imageRecipe = manifest.encoder.image;
    this.lens = new LensModel(pack, provider, this.info, { ...parts, tokenizer });
    this.#pack = pack;
    this.#parts = parts;
    this.#tokenizer = tokenizer;
  }

  /**
   * @param provider an execution provider, or `auto`
   * @throws CaptionError `provider-unavailable`, or what is wrong with the pack (see `openPack`)
   */
  static async load(folder: string, provider: string): Promise<Model> {
    const chosen = chooseProvider(provider);
    return openPackAndMake(
      folder,
      async (pack) => Model.#make(await inPrecisionOf(chosen, pack), chosen),
      (model) => model.dispose(),
    );
  }

  static async #make(pack: Pack, provider: Provider): Promise<Model> {
    const tokenizer = await Tokenizer.create(pack);
    return new Model(pack, provider, await openParts(pack, provider), tokenizer);
  }

  /**
   * How many images may be captioned as one batch, so that their keys and values stay within `cacheBudget`.
   * @throws CaptionError `usage` for options out of range
   */
  mostTogether(options: CaptionOptions): number {
    const { manifest } = this.#pack;
    const { decoding, maxTokens } = this.#resolve(options);
    const rows = decoding.strategy === 'sample' ? decoding.draws : decoding.beams;
    const ofImage = cacheBytes(manifest.languageModel, manifest.mapper.prefixLength + rows * maxTokens);
    return Math.max(1, Math.floor(cacheBudget / ofImage));
  }

  /**
   * Captions N images, each [3,H,W] and prepared by `imageRecipe`, as one batch.
   * @param checkpoint awaited before every image's encoding, after the last, before every decoder step, and before the
   * nearest words; what it throws ends the run
   * @param grown told after every step the text that an image's caption has so far; a search may change its mind
   * @returns a result for each image, in order
   * @throws CaptionError `usage` for options out of range, `inference-failed`, `out-of-memory`
   */
  async caption(
    pixelValues: readonly Float32Array[],
    options: CaptionOptions,
    checkpoint: () => Promise<void>,
    grown?: (image: number, text: string) => void,
  ): Promise<ModelOutput[]> {
    const images = pixelValues.length;
    const { manifest } = this.#pack;
    const { encoder, mapper, decoder } = this.#parts;
    const resolved = this.#resolve(options);
    const clock = stopwatch(images);

    await checkpoint();
    const embeds = await encoder.encode(pixelValues, checkpoint);
    const encode = clock();
    await checkpoint();
    const prefix = await mapper.map(embeds);
    const map = clock();
    const decoding = decoder.begin(prefix, images);
    const text = (tokens: FoundCaption['tokens']): string => this.#tokenizer.decode(tokens.map(({ id }) => id));
    let found: FoundCaption[][];
    try {
      const { vocabulary } = manifest.languageModel;
      const told: Grown | undefined = grown && ((image, tokens) => grown(image, text(tokens)));
      found = await generateCaptions(decoding, { images, vocabulary }, resolved, checkpoint, told);
    } finally {
      decoding.dispose();
    }
    await checkpoint();
    const generate = clock();
    const rows = await this.#parts.nearest.find(prefix, resolved.nearest);
    const timings = { encode, map, generate, interpret: clock() };

    const { prefixLength } = manifest.mapper;
    return found.map((ofImage, image) => ({
      captions: ofImage.map((caption) => this.#tokenizer.caption(caption)),
      prefix: rows
        .slice(image * prefixLength, (image + 1) * prefixLength)
        .map((row, position) => this.#prefixPosition(row, position)),
      timings,
    }));
  }

  /** Prefixes of N images, [K·D] each; images as in {@link caption}. */
  async prefixes(pixelValues: readonly Float32Array[]): Promise<Float32Array[]> {
    const prefix = await this.#parts.mapper.map(await this.#parts.encoder.encode(pixelValues));
    const length = prefix.length / pixelValues.length;
    return pixelValues.map((_, image) => prefix.slice(image * length, (image + 1) * length));
  }

  async dispose(): Promise<void> {
    await this.lens.release();
    await this.#parts.release();
  }

  #resolve(options: CaptionOptions): ResolvedOptions {
    return resolveOptions(options, this.#pack.manifest, (text) => this.#tokenizer.encode(text));
  }

  #prefixPosition({ norm, nearest }: NearestToRow, position: number): PrefixPosition {
    const words = nearest.map(({ id, score }) => ({ id, text: this.#tokenizer.tokenText(id), score }));
    return { position, norm, nearest: words };
  }
}

/** Milliseconds since the last reading, for each of `images`. */
function stopwatch(images: number): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const elapsed = (now - last) / images;
    last = now;
    return elapsed;
  };
}
