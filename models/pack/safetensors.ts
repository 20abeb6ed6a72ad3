/**
 * Reads the header of a `.safetensors` file: which tensors it holds, and at which bytes. The values stay in the file,
 * where ONNX Runtime maps them. Files come from other people, so nothing in the header is believed before it is checked
 * (format: https://huggingface.co/docs/safetensors).
 */
import { open, type FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';

/** Element types that a pack may store, with their size in bytes. */
const elementBytes = { F32: 4, F16: 2, I8: 1 } as const;
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

/** GPT-2 small's header has 20 kB; the largest honest ones stay far below this. */
const maxHeaderBytes = 8 * 2 ** 20;

/** @throws CaptionError `pack-invalid` if the file is not a well-formed safetensors file */
export async function readSafetensors(path: string): Promise<Safetensors> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const headerLength = await readHeaderLength(file, size, path);
    const header = parseHeader(await readBytes(file, 8, headerLength), path);
    const start = 8 + headerLength;
    const tensors = Object.entries(header)
      .filter(([name]) => name !== '__metadata__')
      .map(([name, entry]) => readEntry(name, entry, start, size, path));
    rejectOverlaps(tensors, path);
    return { path, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
  } finally {
    await file.close();
  }
}

async function readHeaderLength(file: FileHandle, size: number, path: string): Promise<number> {
  if (size < 8) throw malformed(path, `it has ${size} bytes`);
  const length = (await readBytes(file, 0, 8)).readBigUInt64LE();
  if (length > BigInt(maxHeaderBytes)) throw malformed(path, `its header claims ${length} bytes`);
  if (length > BigInt(size - 8)) throw malformed(path, `its header of ${length} bytes is longer than the file`);
  return Number(length);
}

async function readBytes(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  await file.read(bytes, 0, length, position);
  return bytes;
}

function parseHeader(bytes: Buffer, path: string): object {
  try {
    const header: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof header === 'object' && header !== null && !Array.isArray(header)) return header;
  } catch (cause) {
    throw malformed(path, 'its header is not JSON', cause);
  }
  throw malformed(path, 'its header is not a JSON object');
}

function readEntry(name: string, entry: unknown, start: number, size: number, path: string): StoredTensor {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  if (typeof dtype !== 'string' || !Object.hasOwn(elementBytes, dtype)) {
    throw malformed(path, `tensor "${name}" has the element type ${JSON.stringify(dtype)}, not F32, F16 or I8`);
  }
  if (!isSizes(shape)) throw malformed(path, `tensor "${name}" has no valid shape`);
  if (!isSizes(offsets) || offsets.length !== 2) throw malformed(path, `tensor "${name}" has no valid offsets`);
  const [begin, end] = offsets as [number, number];
  const length = shape.reduce((product, dimension) => product * dimension, elementBytes[dtype as DType]);
  if (end - begin !== length) {
    throw malformed(path, `tensor "${name}" of shape [${shape.join(', ')}] has ${end - begin} bytes, not ${length}`);
  }
  if (start + end > size) throw malformed(path, `tensor "${name}" ends at byte ${start + end} of ${size}`);
  return { name, dtype: dtype as DType, shape, offset: start + begin, length };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
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
