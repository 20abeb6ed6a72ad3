/**
 * The bench of a model of the official sizes: CLIP ViT-B/32, MLP with a prefix of 10, GPT-2 small; random weights, because
 * time and memory do not depend on what a model has learned. Takes about 5 GB of disk.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { gaussian } from '../../randomPack.js';
import { writePhotos } from '../photos.js';
import { measureBusy } from './busy.js';
import { measureDataTypes } from './dataTypes.js';
import { measureDecoding } from './decoding.js';
import { measureImages, measureManyImages } from './images.js';
import { measureImageToText } from './imageToText.js';
import { measureImport, preparePacks } from './packs.js';
import { memoryRate } from './memoryRate.js';
import { measureGrowth, measureProcess } from './process.js';
import type { Setting } from './setting.js';

export interface FullSizeOptions {
  /** A Python with torch, transformers, safetensors, numpy and onnx; without it, rows that compare are not run. */
  readonly python: string | undefined;
  readonly processes: number;
  /** Names of {@link sections}. */
  readonly only: readonly string[];
  /** Where models are kept for another run; a temporary folder if it is not named. */
  readonly folder: string | undefined;
}

/** What can be measured by itself. */
export const sections: Readonly<Record<string, (setting: Setting, folder: string) => Promise<void>>> = {
  decoding: measureDecoding,
  busy: measureBusy,
  images: measureImages,
  many: measureManyImages,
  types: measureDataTypes,
  peers: (setting, folder) => measureImageToText(folder, setting),
  process: measureProcess,
  import: (setting, folder) => measureImport(folder, setting),
  growth: measureGrowth,
};

const prefixCount = 64;

export async function benchFullSize({ python, processes, only, folder }: FullSizeOptions): Promise<void> {
  const unknown = only.filter((name) => !Object.hasOwn(sections, name));
  if (unknown.length > 0 || !(processes >= 1)) {
    throw new Error(`--only takes ${Object.keys(sections).join(', ')}; --processes at least 1.`);
  }
  const kept = folder === undefined ? undefined : resolve(folder);
  if (kept !== undefined) await mkdir(kept, { recursive: true });
  const work = kept ?? (await mkdtemp(join(tmpdir(), 'clipcap-bench-')));
  try {
    console.log(`${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.versions.node}`);
    console.log(`Memory is read at ${(await memoryRate()).toFixed(0)} GB/s.`);
    console.log(`Medians of ${processes} processes (smallest…largest); “×” are ratios of runs that follow each other.`);
    const prefixes = join(work, 'prefixes.f32');
    const random = gaussian(5);
    await writeFile(
      prefixes,
      new Uint8Array(Float32Array.from({ length: prefixCount * 7680 }, () => random() / 8).buffer),
    );
    const setting: Setting = {
      processes,
      python,
      packs: await preparePacks(work),
      prefixes,
      photos: await writePhotos(join(work, 'photos'), { width: 500, height: 375 }, 24),
    };
    for (const name of only) await sections[name]!(setting, work);
  } finally {
    if (kept === undefined) await rm(work, { recursive: true, force: true });
  }
}
