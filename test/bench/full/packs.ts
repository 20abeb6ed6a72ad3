/**
 * The packs that are measured: random weights of the official sizes in fp32, and the same weights in every other data
 * type by the product's own import.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { packFiles } from '@clipcap/models/pack/manifest';
import { root } from '../../root.js';
import { writeFullSizePack } from '../fullSizePack.js';
import { measureCommand, type MeasuredCommand } from './measuredCommand.js';
import { Samples, type Setting } from './setting.js';
import { heading, row } from './table.js';

/** Writes what `folder` does not have yet; a folder that is kept saves a minute. */
export async function preparePacks(folder: string): Promise<Setting['packs']> {
  const packs = {
    fp32: join(folder, 'fp32'),
    fp16: join(folder, 'fp16'),
    q8: join(folder, 'q8'),
    q4: join(folder, 'q4'),
  };
  if (!(await exists(packs.fp32))) await writeFullSizePack(packs.fp32, 'fp32');
  const weights = join(packs.fp32, packFiles.weights);
  for (const dtype of ['fp16', 'q8', 'q4'] as const) {
    if (await exists(packs[dtype])) continue;
    await runImport({ checkpoint: weights, encoder: weights, dtype, out: packs[dtype] }, ['--no-check']);
  }
  return packs;
}

/** Imports files as the authors of ClipCap and CLIP published them; without a peer, the same tensors in safetensors. */
export async function measureImport(folder: string, { processes, python, packs }: Setting): Promise<void> {
  const official = join(folder, 'official');
  if (python !== undefined && !(await exists(official, 'ViT-B-32.pt'))) {
    await measureCommand(python, [join(root, 'test', 'bench', 'full', 'official_files.py'), packs.fp32, official]);
  }
  const weights = join(packs.fp32, packFiles.weights);
  const [checkpoint, encoder] =
    python === undefined ? [weights, weights] : [join(official, 'weights.pt'), join(official, 'ViT-B-32.pt')];
  const samples = new Samples();
  for (const dtype of ['fp32', 'fp16', 'q8', 'q4'] as const) {
    for (let process = 0; process < processes; process++) {
      const command = { checkpoint, encoder, dtype, out: join(folder, 'imported') };
      const { milliseconds, peak } = await runImport(command);
      samples.add(dtype, milliseconds / 1000);
      if (peak !== undefined) samples.add(`${dtype} memory`, peak);
    }
  }
  heading(`Import of ClipCap and CLIP (${python === undefined ? 'safetensors' : 'PyTorch’s files'}), tried at the end`);
  for (const dtype of ['fp32', 'fp16', 'q8', 'q4'] as const) {
    row(`to ${dtype}`, samples.of(dtype), 's', { atMost: 15 });
    // Of the importing process and the one that tries the pack together.
    row(`to ${dtype}, peak memory`, samples.of(`${dtype} memory`), 'MB', { atMost: 500 });
  }
}

interface Import {
  readonly checkpoint: string;
  readonly encoder: string;
  readonly dtype: string;
  readonly out: string;
}

function runImport(
  { checkpoint, encoder, dtype, out }: Import,
  more: readonly string[] = [],
): Promise<MeasuredCommand> {
  const options = ['--encoder', encoder, '--dtype', dtype, '--out', out, ...more];
  return measureCommand(process.execPath, [join(root, 'dist', 'cli.mjs'), 'import', checkpoint, ...options]);
}

async function exists(folder: string, file: string = packFiles.manifest): Promise<boolean> {
  return access(join(folder, file)).then(
    () => true,
    () => false,
  );
}
