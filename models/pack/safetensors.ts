/**
 * Which tensors a pack's `.safetensors` file holds, and at which bytes. The values stay in the file, where ONNX Runtime
 * maps them.
 */
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';
import { readSafetensorsHeader, type HeaderTensor } from './safetensorsHeader.js';

/** Element types that a pack may store, with their size in bytes. */
const elementBytes = { F32: 4, F16: 2, I8: 1, U8: 1 } as const;
export type DType = keyof typeof elementBytes;

export type StoredTensor = HeaderTensor<DType>;

export interface Safetensors {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Whatever its writer noted: texts by name. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * What graphs make of 16-bit matrices. `computed`: products and convolutions run in 16 bit, all else, the output head
   * too, in 32. `widened`: all of them are widened when a session is made. Absent: the same, but of embeddings only the
   * rows that are looked up.
   */
  readonly halves?: 'computed' | 'widened';
}

/** @throws CaptionError `pack-invalid` if the file is not a well-formed safetensors file */
export async function readSafetensors(path: string): Promise<Safetensors> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const { tensors, metadata } = await readSafetensorsHeader({
      size,
      read: async (offset, length) => {
        const bytes = Buffer.alloc(length);
        await file.read(bytes, 0, length, offset);
        return bytes;
      },
      elementBytes,
      malformed: (what, cause) => malformed(path, what, cause),
      untaken: (tensor, dtype) => malformed(path, `tensor "${tensor}" is of type ${dtype}, which packs do not store`),
    });
    return { path, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata };
  } finally {
    await file.close();
  }
}

function malformed(path: string, what: string, cause?: unknown): CaptionError {
  const message = `${basename(path)} is not a valid safetensors file: ${what}. Import or download the pack again (${path}).`;
  return new CaptionError('pack-invalid', message, { cause });
}
