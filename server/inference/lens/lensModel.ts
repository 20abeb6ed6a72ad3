/**
 * A resident model as the Prefix Lens's views see it: the parts that caption, and variants that are made when a view needs
 * them. The last few images' encodings are kept, so that a view does not encode again.
 */
import type { Pack } from '@clipcap/models/pack/openPack';
import { labelsOf } from '@clipcap/models/pack/encoderManifest';
import type { PackManifest } from '@clipcap/models/pack/manifest';
import { encoderName, mapperName } from '@clipcap/models/pack/names';
import type { Caption, ModelInfo, NearestToken, TokenScore } from '@clipcap/protocol/caption';
import type { Token } from '@clipcap/protocol/lens';
import type { Decoder } from '../decoder.js';
import { Encoder } from '../encoder.js';
import type { Mapper } from '../mapper.js';
import { preprocess } from '../preprocess.js';
import type { ScoredToken } from '../logProbs.js';
import type { Provider } from '../provider.js';
import type { Pixels } from '../resample.js';
import type { Tokenizer } from '../tokenizer.js';
import { Recent } from '../../recent.js';
import { DecoderInsides, MapperInsides } from './insides.js';
import { OnDemand } from './onDemand.js';
import { OutputHead } from './outputHead.js';
import { unavailable } from './parameters.js';
import { rounded } from './vectors.js';
import { readStatistics, type Statistics } from './statistics.js';
import { LabelTexts } from './labelTexts.js';
import { Vocabulary, type ScoredId } from './vocabulary.js';

/** An image as the model sees it. */
export interface Encoding {
  /** Of the upright image. */
  readonly width: number;
  readonly height: number;
  /** [3,H,W] */
  readonly pixelValues: Float32Array;
  /** [d] */
  readonly embedding: Float32Array;
  /** [K·D] */
  readonly prefix: Float32Array;
  /** Found so far, by the key of their options. */
  readonly captions: Map<string, Caption>;
}

export interface LensParts {
  readonly encoder: Encoder;
  readonly mapper: Mapper;
  readonly decoder: Decoder;
  readonly tokenizer: Tokenizer;
}

/** Encodings that are kept: a megabyte each. */
const keptEncodings = 6;

export class LensModel {
  readonly info: ModelInfo;
  readonly manifest: PackManifest;
  readonly parts: LensParts;
  readonly #pack: Pack;
  readonly #vocabulary: OnDemand<Vocabulary>;
  readonly #head: OnDemand<OutputHead>;
  readonly #decoderInsides: OnDemand<DecoderInsides>;
  readonly #mapperInsides: OnDemand<MapperInsides>;
  readonly #attentiveEncoder: OnDemand<Encoder>;
  readonly #encodings = new Recent<Encoding>(keptEncodings);
  #statistics: Statistics | undefined;
  #labelTexts: LabelTexts | undefined;
  #wholeWords: readonly number[] | undefined;

  constructor(pack: Pack, provider: Provider, info: ModelInfo, parts: LensParts) {
    this.info = info;
    this.manifest = pack.manifest;
    this.parts = parts;
    this.#pack = pack;
    this.#vocabulary = new OnDemand(() => Vocabulary.create(pack, provider));
    this.#head = new OnDemand(() => OutputHead.create(pack, provider));
    this.#decoderInsides = new OnDemand(() => DecoderInsides.create(pack, provider));
    this.#mapperInsides = new OnDemand(() => MapperInsides.create(pack, provider));
    this.#attentiveEncoder = new OnDemand(() => Encoder.create(pack, provider, 'patch_attention'));
  }

  get vocabulary(): Promise<Vocabulary> {
    return this.#vocabulary.get();
  }

  get head(): Promise<OutputHead> {
    return this.#head.get();
  }

  get decoderInsides(): Promise<DecoderInsides> {
    return this.#decoderInsides.get();
  }

  /** @throws CaptionError `lens-unavailable` for a mapper without attention */
  get mapperInsides(): Promise<MapperInsides> {
    const { mapper } = this.manifest;
    if (mapper.kind === 'transformer') return this.#mapperInsides.get();
    throw unavailable(
      `The mapper of ${this.info.id} (${mapperName(mapper)}) has no attention; only a transformer mapper has. ` +
        'Choose a pack with one.',
    );
  }

  /** The encoder with `patch_attention`, or undefined if it has none. */
  get attentiveEncoder(): Promise<Encoder> | undefined {
    const { encoder } = this.manifest;
    if (encoder.kind === 'onnx') {
      return this.parts.encoder.gives('patch_attention') ? Promise.resolve(this.parts.encoder) : undefined;
    }
    return encoder.kind === 'clip-resnet' ? undefined : this.#attentiveEncoder.get();
  }

  async statistics(): Promise<Statistics> {
    return (this.#statistics ??= await readStatistics(this.#pack.statistics));
  }

  /** What CLIP compares images with, or undefined if the pack has no label embeddings. */
  async labelTexts(): Promise<LabelTexts | undefined> {
    const { labels } = this.#pack;
    const described = labelsOf(this.manifest.encoder);
    if (!labels || !described) return undefined;
    return (this.#labelTexts ??= await LabelTexts.read(labels, described));
  }

  get encoderName(): string {
    return encoderName(this.manifest.encoder);
  }

  /** Ids of tokens that are whole words: a leading space and letters. */
  get wholeWords(): readonly number[] {
    return (this.#wholeWords ??= Array.from({ length: this.manifest.languageModel.vocabulary }, (_, id) => id).filter(
      (id) => /^ \p{L}+$/u.test(this.parts.tokenizer.tokenText(id)),
    ));
  }

  token(id: number): Token {
    return { id, text: this.parts.tokenizer.tokenText(id) };
  }

  tokenScore({ id, logProb }: ScoredToken): TokenScore {
    return { id, text: this.parts.tokenizer.tokenText(id), logProb: rounded(logProb) };
  }

  nearestToken({ id, score }: ScoredId): NearestToken {
    return { id, text: this.parts.tokenizer.tokenText(id), score: rounded(score) };
  }

  /** The encoding of an image with this content, if it is one of the last few. */
  known(sha256: string): Encoding | undefined {
    return this.#encodings.get(sha256);
  }

  async encode(sha256: string, pixels: Pixels): Promise<Encoding> {
    const pixelValues = preprocess(pixels, this.manifest.encoder.image);
    const embedding = await this.parts.encoder.encode([pixelValues]);
    const prefix = await this.parts.mapper.map(embedding);
    const { width, height } = pixels;
    const encoding = { width, height, pixelValues, embedding, prefix, captions: new Map<string, Caption>() };
    this.#encodings.set(sha256, encoding);
    return encoding;
  }

  /** Releases what views made; the parts belong to the model. */
  async release(): Promise<void> {
    this.#encodings.clear();
    const made = [this.#vocabulary, this.#head, this.#decoderInsides, this.#mapperInsides, this.#attentiveEncoder];
    await Promise.all(made.map((part) => part.release()));
  }
}
