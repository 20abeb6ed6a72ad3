/** A checkpoint in one of whose tensors the last value is another, such as NaN. */
import { readFile, writeFile } from 'node:fs/promises';
import { readTensors } from '@clipcap/models/checkpoints/readTensors';
import { memoryFile } from './fuzz/memoryFile.js';

/**
 * @param from a file of PyTorch's or safetensors
 * @param tensor in float32
 * @param to the changed copy
 */
export async function withValue(from: string, tensor: string, value: number, to: string): Promise<void> {
  const archive = await readFile(from);
  const { storage } = (await readTensors(memoryFile(archive))).tensors.get(tensor)!;
  archive.writeFloatLE(value, storage.begin + storage.length - 4);
  await writeFile(to, archive);
}
