/**
 * Reads the header of a `.safetensors` file: which tensors it holds, and at which bytes. The values stay in the file,
 * where ONNX Runtime maps them. Files come from other people, so nothing in the header is believed before it is checked
 * (format: https://huggingface.co/docs/safetensors).
 */
import { open, type FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import * as z from 'zod/mini';
import { CaptionError } from '@clipcap/protocol/error';

/** Element types that a pack may store, with their size in bytes. */
const elementBytes = { F32: 4, F16: 2, I8: 1, U8: 1 } as const;
export type DType = keyof typeof elementBytes;

export interface StoredTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Position of the first byte in the file. */
  readonly offset: number;
  /** Size in bytes. */
  readonly length: number;
}

export interface Safetensors {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

const size = z.int().check(z.nonnegative());
const headerEntries = z.record(z.string(), z.unknown());
const headerEntry = z.object({
  dtype: z.enum(['F32', 'F16', 'I8', 'U8']),
  shape: z.array(size),
  /** First and last byte, exclusive, counted from the end of the header. */
  data_offsets: z.tuple([size, size]),
});

/** GPT-2 small's header has 20 kB; the largest honest ones stay far below this. */
const maxHeaderBytes = 8 * 2 ** 20;

/** @throws CaptionError `pack-invalid` if the file is not a well-formed safetensors file */
export async function readSafetensors(path: string): Promise<Safetensors> {
  const file = await open(path, 'r');
  try {
    const { size: fileSize } = await file.stat();
    const headerLength = await readHeaderLength(file, fileSize, path);
    const header = parseHeader(await readBytes(file, 8, headerLength), path);
    const start = 8 + headerLength;
    const tensors = Object.entries(header)
      .filter(([name]) => name !== '__metadata__')
      .map(([name, entry]) => readEntry(name, entry, start, fileSize, path));
    rejectOverlaps(tensors, path);
    return { path, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
  } finally {
    await file.close();
  }
}

async function readHeaderLength(file: FileHandle, fileSize: number, path: string): Promise<number> {
  if (fileSize < 8) throw malformed(path, `it has ${fileSize} bytes`);
  const length = (await readBytes(file, 0, 8)).readBigUInt64LE();
  if (length > BigInt(maxHeaderBytes)) throw malformed(path, `its header claims ${length} bytes`);
  if (length > BigInt(fileSize - 8)) throw malformed(path, `its header of ${length} bytes is longer than the file`);
  return Number(length);
}

async function readBytes(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  await file.read(bytes, 0, length, position);
  return bytes;
}

function parseHeader(bytes: Buffer, path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw malformed(path, 'its header is not JSON', cause);
  }
  const header = z.safeParse(headerEntries, value);
  if (!header.success) throw malformed(path, 'its header is not a JSON object');
  return header.data;
}

function readEntry(name: string, value: unknown, start: number, fileSize: number, path: string): StoredTensor {
  const entry = z.safeParse(headerEntry, value);
  if (!entry.success) {
    const [issue] = entry.error.issues;
    throw malformed(path, `tensor "${name}": ${issue?.path.map(String).join('.')}: ${issue?.message}`);
  }
  const { dtype, shape, data_offsets: offsets } = entry.data;
  const [begin, end] = offsets;
  const length = shape.reduce((product, dimension) => product * dimension, elementBytes[dtype]);
  if (end - begin !== length) {
    throw malformed(path, `tensor "${name}" of shape [${shape.join(', ')}] has ${end - begin} bytes, not ${length}`);
  }
  if (start + end > fileSize) throw malformed(path, `tensor "${name}" ends at byte ${start + end} of ${fileSize}`);
  return { name, dtype, shape, offset: start + begin, length };
}

function rejectOverlaps(tensors: readonly StoredTensor[], path: string): void {
  const ordered = tensors.filter((tensor) => tensor.length > 0).sort((a, b) => a.offset - b.offset);
  for (const [index, tensor] of ordered.entries()) {
    const next = ordered[index + 1];
    if (next && tensor.offset + tensor.length > next.offset) {
      throw malformed(path, `tensors "${tensor.name}" and "${next.name}" overlap`);
    }
  }
}

function malformed(path: string, what: string, cause?: unknown): CaptionError {
  const message = `${basename(path)} is not a valid safetensors file: ${what}. Import or download the pack again (${path}).`;
  return new CaptionError('pack-invalid', message, { cause });
}
