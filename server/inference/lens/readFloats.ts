/** A float32 tensor's values from a pack's file. */
import { open } from 'node:fs/promises';
import type { Safetensors } from '@clipcap/models/pack/safetensors';

/** @returns undefined if the file has no such tensor */
export async function readFloats({ path, tensors }: Safetensors, name: string): Promise<Float32Array | undefined> {
  const tensor = tensors.get(name);
  if (!tensor) return undefined;
  const file = await open(path, 'r');
  try {
    const values = new Float32Array(tensor.length / 4);
    await file.read(new Uint8Array(values.buffer), 0, tensor.length, tensor.offset);
    return values;
  } finally {
    await file.close();
  }
}
