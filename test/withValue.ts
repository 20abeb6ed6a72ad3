/** Checkpoints that differ from another one, of PyTorch's or safetensors, in one of its tensors, in float32. */
import { readFile, writeFile } from 'node:fs/promises';
import { readTensors } from '@clipcap/models/checkpoints/readTensors';
import { memoryFile } from './fuzz/memoryFile.js';

/**
 * Changes the last value, to such as NaN.
 * @param to the changed copy
 */
export async function withValue(from: string, tensor: string, value: number, to: string): Promise<void> {
  await changed(from, tensor, to, (bytes) => bytes.writeFloatLE(value, bytes.length - 4));
}

/** @param to the copy, with zeros in the place of all values */
export async function withZeros(from: string, tensor: string, to: string): Promise<void> {
  await changed(from, tensor, to, (bytes) => bytes.fill(0));
}

async function changed(from: string, tensor: string, to: string, change: (bytes: Buffer) => unknown): Promise<void> {
  const archive = await readFile(from);
  const { storage } = (await readTensors(memoryFile(archive))).tensors.get(tensor)!;
  change(archive.subarray(storage.begin, storage.begin + storage.length));
  await writeFile(to, archive);
}
