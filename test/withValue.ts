/** Checkpoints that differ from another one, of PyTorch's or safetensors, in one of its tensors, in float32. */
import { readFile, writeFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
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
  const bytes = archive.subarray(storage.begin, storage.begin + storage.length);
  change(bytes);
  if (storage.sum) replaceWord(archive, storage.sum.crc32, crc32(bytes));
  await writeFile(to, archive);
}

/** Everywhere: an archive says a record's checksum before or behind it, and in its directory. */
function replaceWord(archive: Buffer, old: number, word: number): void {
  const sought = Buffer.alloc(4);
  sought.writeUInt32LE(old);
  for (let at = archive.indexOf(sought); at !== -1; at = archive.indexOf(sought, at + 4))
    archive.writeUInt32LE(word, at);
}
