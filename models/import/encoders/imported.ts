/** What every reader of an encoder finds out. */
import type { Checkpoint } from '../../checkpoints/checkpoint.js';
import { invalid, unsupported } from '../../checkpoints/errors.js';
import type { EncoderManifest, EncoderOf } from '../../pack/encoderManifest.js';
import type { Finding } from '@clipcap/protocol/import';
import type { ImageRecipe } from '../../pack/imageRecipe.js';
import { mismatch } from '../errors.js';
import type { TextSide } from '../text/textSide.js';
import { stored, type TensorSource, type TensorSources } from '../tensorSource.js';

/** Everything but what mapper and preprocessing decide. */
type Shared = 'normalize' | 'image';
export type EncoderSizes =
  | Omit<EncoderOf<'clip-vit'>, Shared>
  | Omit<EncoderOf<'clip-resnet'>, Shared>
  | Omit<EncoderOf<'vit'>, Shared>
  | Omit<EncoderOf<'dinov2'>, Shared>
  | Omit<EncoderOf<'onnx'>, Shared>;

export interface ReadEncoder {
  readonly sizes: EncoderSizes;
  /** Side of the image that positions or shapes ask for, in pixels; undefined where an ONNX model leaves it open. */
  readonly imageSize: number | undefined;
  /** By the names that packs use, `encoder.` included. */
  readonly sources: TensorSources;
  readonly findings: readonly Finding[];
}

export interface ImportedEncoder extends Omit<ReadEncoder, 'sizes' | 'imageSize'> {
  /** `normalize` is the mapper's to say. */
  readonly manifest: (normalize: boolean) => EncoderManifest;
  readonly embeddingWidth: number;
  /**
   * Reads CLIP's text side; other encoders have none.
   * @throws CaptionError `checkpoint-mismatch` if it is not there, what keeps it from being built
   */
  readonly text?: () => TextSide;
  /** An ONNX file, to be copied. */
  readonly file?: string;
  close(): Promise<void>;
}

export function withImage(sizes: EncoderSizes, image: ImageRecipe): (normalize: boolean) => EncoderManifest {
  return (normalize) => ({ ...sizes, image, normalize });
}

/** A network's tensors below one prefix (`visual.`, `vision_model.`). */
export class Part {
  readonly #checkpoint: Checkpoint;
  readonly #prefix: string;

  constructor(checkpoint: Checkpoint, prefix: string) {
    this.#checkpoint = checkpoint;
    this.#prefix = prefix;
  }

  /** Without the prefix. */
  names(): string[] {
    const names = this.#checkpoint.names().filter((name) => name.startsWith(this.#prefix));
    return names.map((name) => name.slice(this.#prefix.length));
  }

  has(name: string): boolean {
    return this.#checkpoint.tensor(this.#prefix + name) !== undefined;
  }

  /** @throws CaptionError `checkpoint-invalid` if there is none of so many dimensions */
  shape(name: string, rank: number): readonly number[] {
    const shape = this.#checkpoint.tensor(this.#prefix + name)?.shape;
    if (shape?.length === rank) return shape;
    const what = shape ? `has the shape [${shape.join(', ')}]` : 'is missing';
    throw invalid(this.#checkpoint.path, `the encoder’s tensor ${this.#prefix}${name} ${what}`);
  }

  /** @throws CaptionError `checkpoint-invalid` if it is missing */
  source(name: string): TensorSource {
    if (this.has(name)) return stored(this.#checkpoint, this.#prefix + name);
    throw invalid(this.#checkpoint.path, `the encoder’s tensor ${this.#prefix}${name} is missing`);
  }

  /** How many blocks there are: distinct numbers after `stem`. */
  count(stem: string): number {
    const numbers = this.names()
      .filter((name) => name.startsWith(stem))
      .map((name) => name.slice(stem.length).split('.')[0]);
    return new Set(numbers).size;
  }
}

/** What the blocks of CLIP's vision transformer, and of its text side, compute with. */
export type Activation = EncoderOf<'clip-vit'>['activation'];

/** Of OpenAI's CLIPs, whose names and shapes open_clip shares; most that were trained with it compute with GELU. */
export const usualActivation: Activation = 'quick-gelu';

/** @param told what was said, where neither shapes nor a configuration say it */
export function activationFinding(told: Activation | undefined): Finding {
  return {
    what: 'encoder’s activation',
    value: told ?? usualActivation,
    from: told === undefined ? 'assumed' : 'told',
    flag: '--activation',
    ambiguous: true,
  };
}

/** @throws CaptionError `checkpoint-mismatch` if something else was told than what is known */
export function checkActivation(path: string, known: Activation, told: Activation | undefined): void {
  if (told === undefined || told === known) return;
  throw mismatch(path, `computes with ${known}, not ${told}`, 'Leave out --activation.');
}

/** @throws CaptionError `checkpoint-mismatch` for a `config.json` that describes an encoder of another width */
export function checkConfigWidth(path: string, width: number, configured = width): void {
  if (configured === width) return;
  const what = `is ${width} wide, its config.json describes one of ${configured}`;
  throw mismatch(path, what, 'Put the encoder’s own config.json in its place.');
}

const usualHeadWidth = 64;

/**
 * Heads of a transformer that comes without `config.json`: those of all published CLIPs, ViTs and DINOv2s are 64 wide.
 * @throws CaptionError `checkpoint-unsupported` if this one's cannot be
 */
export function headsWithoutConfig(width: number, path: string): number {
  if (width % usualHeadWidth === 0) return width / usualHeadWidth;
  throw unsupported(
    path,
    `has a width of ${width}, which heads of ${usualHeadWidth} do not divide, and no config.json says how many there are`,
    'Name the folder with the model’s config.json.',
  );
}

/**
 * Side of the grid that `rows` positions are for, one of them the class token’s or the mean’s.
 * @throws CaptionError `checkpoint-unsupported` if there is none
 */
export function gridOf(rows: number, path: string): number {
  const grid = Math.sqrt(rows - 1);
  if (Number.isInteger(grid) && grid > 0) return grid;
  const what = `has ${rows} positions, which are no square and one more`;
  throw unsupported(path, what, 'Only encoders of square images are built: name another.');
}
