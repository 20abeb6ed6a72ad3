/**
 * From an image file's bytes to canonical pixels: 8-bit RGB, upright, first frame, alpha over white, 16 bit ÷ 257
 * rounded, palette and grey expanded, CMYK as (255−C)(255−K)/255, ICC profiles ignored. What a model sees of an image
 * is fixed here, whatever decoded it.
 */
import type { Metadata, SharpOptions } from 'sharp';
import { CaptionError } from '@clipcap/protocol/error';
import { recognise } from './imageFormat.js';
import { imageLibrary } from './imageLibrary.js';
import { countPixels } from './pixelGarbage.js';
import type { Pixels } from './resample.js';

/** The most pixels that an image may have. */
const maxPixels = 100_000_000;

/** Longest clause of a decoder's own words. */
const longestReason = 60;

const knownSpaces = new Set(['srgb', 'rgb', 'rgb16', 'b-w', 'grey16', 'cmyk']);

/** What is known of an image before its pixels are in memory. */
export interface ImageHeader {
  /** Width × height in pixels. */
  readonly size: number;
  /** Rejects with a `CaptionError`. */
  decode(): Promise<Pixels>;
}

const options: SharpOptions = { failOn: 'error', limitInputPixels: false, ignoreIcc: true, sequentialRead: true };

/** Decodes an image. Throws `CaptionError`, calling the image `name`. */
export async function decode(bytes: Uint8Array, name: string): Promise<Pixels> {
  return (await inspect(bytes, name)).decode();
}

/** Reads an image's header. Throws `CaptionError`, calling the image `name`, if its pixels need not be tried. */
export async function inspect(bytes: Uint8Array, name: string): Promise<ImageHeader> {
  const format = recognise(bytes, name);
  const sharp = await imageLibrary();
  const metadata = await sharp(bytes, options)
    .metadata()
    .catch((error: unknown) => refuse(error, format, name));
  const size = limitPixels(metadata, name);
  const unknownSpace = !knownSpaces.has(metadata.space) || metadata.channels > 5;
  if (unknownSpace || (metadata.depth !== 'uchar' && metadata.depth !== 'ushort')) {
    throw new CaptionError(
      'unsupported-format',
      `${name} is ${format} with ${metadata.depth} values in ${metadata.space}, which cannot be captioned. ` +
        'Convert it to 8-bit RGB, for example as PNG.',
    );
  }
  const wide = metadata.depth === 'ushort';
  const cmyk = metadata.space === 'cmyk';
  return {
    size,
    decode: () => decodePixels(bytes, wide, cmyk).catch((error: unknown) => refuse(error, format, name)),
  };
}

async function decodePixels(bytes: Uint8Array, wide: boolean, cmyk: boolean): Promise<Pixels> {
  const sharp = await imageLibrary();
  const pipeline = sharp(bytes, { ...options, limitInputPixels: maxPixels }).autoOrient();
  if (cmyk) pipeline.pipelineColourspace('cmyk').toColourspace('cmyk');
  else if (wide) pipeline.toColourspace('rgb16');
  const { data, info } = await pipeline.raw({ depth: wide ? 'ushort' : 'uchar' }).toBuffer({ resolveWithObject: true });
  const samples = wide ? to8Bit(data) : data;
  const { width, height, channels } = info;
  countPixels(width * height);
  return { data: cmyk ? fromCmyk(samples, channels) : overWhite(samples, channels), width, height };
}

/** Width × height, if that is not too much. */
function limitPixels({ width, height, pageHeight }: Metadata, name: string): number {
  const rows = pageHeight ?? height;
  if (width * rows <= maxPixels) return width * rows;
  const megapixels = Math.ceil((width * rows) / 1e6);
  throw new CaptionError(
    'too-many-pixels',
    `${name} has ${width} × ${rows} pixels (${megapixels} megapixels); the limit is ${maxPixels / 1e6}. Shrink it first.`,
  );
}

/** Memory that ran out is no fault of the file; everything else that the decoder says is. */
function refuse(error: unknown, format: string, name: string): never {
  const reason = error instanceof Error ? error.message : String(error);
  if (/out of memory|allocate|memory access out of bounds/iu.test(reason)) {
    throw new CaptionError(
      'out-of-memory',
      `There is not enough memory to decode ${name}. Close other programs, or shrink the image.`,
      { cause: error },
    );
  }
  throw new CaptionError(
    'corrupt-image',
    `${name} is a damaged or truncated ${format} file${decoderClause(reason)}. Restore it, or save it anew from an image editor.`,
    { cause: error },
  );
}

/** What the decoder said first, in brackets, if it is short and more than its own prefixes and places. */
function decoderClause(reason: string): string {
  const [line = ''] = reason.split('\n');
  const clause = line.replace(/^(?:(?:Input buffer[^:]*|\w*load\w*|vips\w+|source|TIFF\w*): *)+/iu, '').trim();
  const isPlain = clause !== '' && clause.length <= longestReason && !/[\d/\\:]|buffer|seek/u.test(clause);
  return isPlain ? ` (${clause.replace(/\.$/u, '')})` : '';
}

/** 16-bit samples (native byte order) to 8 bits: ÷ 257, rounded. In place: such images are the largest in memory. */
function to8Bit(data: Buffer): Uint8Array {
  const wide = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
  const samples = new Uint8Array(data.buffer, data.byteOffset, wide.length);
  for (let i = 0; i < samples.length; i++) samples[i] = Math.floor((wide[i]! + 128) / 257);
  return samples;
}

/** Grey, grey with alpha, RGB or RGBA (1 to 4 channels) to RGB, alpha composed over white and rounded. */
function overWhite(samples: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return samples;
  const count = samples.length / channels;
  const rgb = new Uint8Array(count * 3);
  const colours = channels < 3 ? 1 : 3;
  const hasAlpha = channels > colours;
  for (let pixel = 0; pixel < count; pixel++) {
    const at = pixel * channels;
    const alpha = hasAlpha ? samples[at + colours]! : 255;
    const white = 255 * (255 - alpha);
    for (let c = 0; c < 3; c++) {
      const value = samples[at + (colours === 1 ? 0 : c)]!;
      rgb[pixel * 3 + c] = alpha === 255 ? value : Math.round((value * alpha + white) / 255);
    }
  }
  return rgb;
}

/** Amounts of ink to light: (255−C)(255−K)/255, rounded. A fifth channel is alpha, over white. */
function fromCmyk(samples: Uint8Array, channels: number): Uint8Array {
  const count = samples.length / channels;
  const light = new Uint8Array(count * (channels - 1));
  for (let pixel = 0; pixel < count; pixel++) {
    const at = pixel * channels;
    const to = pixel * (channels - 1);
    const key = 255 - samples[at + 3]!;
    for (let c = 0; c < 3; c++) light[to + c] = Math.round(((255 - samples[at + c]!) * key) / 255);
    if (channels > 4) light[to + 3] = samples[at + 4]!;
  }
  return overWhite(light, channels - 1);
}
