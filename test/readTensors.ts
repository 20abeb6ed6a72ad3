/** Float32 tensors of a safetensors fixture, in memory. */
import { readFile } from 'node:fs/promises';
import { readSafetensors } from '@clipcap/models/pack/safetensors';
import type { TensorValues } from './writeSafetensors.js';

export async function readTensors(path: string): Promise<Map<string, TensorValues>> {
  const { tensors } = await readSafetensors(path);
  const bytes = await readFile(path);
  return new Map(
    [...tensors.values()].map(({ name, shape, offset, length }) => {
      const copy = new Uint8Array(bytes.subarray(offset, offset + length));
      return [name, { shape, values: new Float32Array(copy.buffer) }];
    }),
  );
}
