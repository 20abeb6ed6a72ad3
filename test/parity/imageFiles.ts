/** The pictures of generate_images.py, made again from their seeds and written to files of each kind. */
import { writePng, type PngImage } from '../writePng.js';
import { writeCmykTiff } from '../writeTiff.js';

/** A picture of noise: its samples are fixed by generate_images.py. */
export interface Noise {
  readonly seed: number;
  readonly width: number;
  readonly height: number;
  readonly blocks: number;
}

type Kind = Pick<PngImage, 'colour' | 'depth'>;

const kinds: Readonly<Record<string, Kind & { readonly channels: number }>> = {
  rgb: { colour: 'rgb', depth: 8, channels: 3 },
  rgb16: { colour: 'rgb', depth: 16, channels: 3 },
  grey: { colour: 'grey', depth: 8, channels: 1 },
  grey16: { colour: 'grey', depth: 16, channels: 1 },
  'grey-alpha': { colour: 'grey-alpha', depth: 8, channels: 2 },
  'grey-alpha16': { colour: 'grey-alpha', depth: 16, channels: 2 },
  'rgb-alpha': { colour: 'rgb-alpha', depth: 8, channels: 4 },
  'rgb-alpha16': { colour: 'rgb-alpha', depth: 16, channels: 4 },
  palette: { colour: 'palette', depth: 8, channels: 1 },
  'palette-alpha': { colour: 'palette', depth: 8, channels: 1 },
};

/** A file of that kind, stored turned as EXIF's `orientation` says. */
export function imageFile(kind: string, orientation: number, noise: Noise): Buffer {
  const { width, height, seed } = noise;
  if (kind === 'cmyk') return writeCmykTiff(width, height, samplesOf(noise, 4));
  const { channels, colour, depth } = kinds[kind]!;
  const chunks = [];
  if (colour === 'palette') {
    const colours = samplesOf({ seed: seed + 1, width: 256, height: 1, blocks: 1 }, 3);
    chunks.push({ type: 'PLTE', data: Uint8Array.from(colours) });
    // Entry i has the opacity i.
    if (kind === 'palette-alpha') chunks.push({ type: 'tRNS', data: Uint8Array.from({ length: 256 }, (_, i) => i) });
  }
  if (orientation > 1) {
    const exif = Buffer.from('4d4d002a00000008000101120003000000010000000000000000', 'hex');
    exif.writeUInt16BE(orientation, 18);
    chunks.push({ type: 'eXIf', data: exif });
  }
  return writePng({ width, height, colour, depth, samples: samplesOf(noise, channels, depth), chunks });
}

/** Row by row, channels interleaved; every value of a generator is repeated `blocks` times both ways. */
export function samplesOf({ seed, width, height, blocks }: Noise, channels: number, depth = 8): number[] {
  const across = Math.ceil(width / blocks);
  let x = seed;
  const grid = Array.from({ length: across * Math.ceil(height / blocks) * channels }, () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x >>> (32 - depth);
  });
  return Array.from({ length: width * height * channels }, (_, i) => {
    const pixel = Math.floor(i / channels);
    const column = Math.floor((pixel % width) / blocks);
    const row = Math.floor(Math.floor(pixel / width) / blocks);
    return grid[(row * across + column) * channels + (i % channels)]!;
  });
}
