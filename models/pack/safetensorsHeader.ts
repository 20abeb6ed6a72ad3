/**
 * The header of a `.safetensors` file: which tensors it holds, and at which bytes. Files come from other people, so
 * nothing in it is believed before it is checked (format: https://huggingface.co/docs/safetensors).
 */
import * as z from 'zod/mini';

export interface HeaderTensor<D extends string> {
  readonly name: string;
  readonly dtype: D;
  readonly shape: readonly number[];
  /** Position of the first byte in the file. */
  readonly offset: number;
  /** Size in bytes. */
  readonly length: number;
}

export interface Header<D extends string> {
  readonly tensors: readonly HeaderTensor<D>[];
  /** Whatever its writer noted: texts by name. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What is read, and how its reader speaks of it. */
export interface HeaderSource<D extends string> {
  /** In bytes. */
  readonly size: number;
  /** Reads bytes that lie in the file. */
  read(offset: number, length: number): Promise<Buffer>;
  /** Element types that are taken, with their size in bytes. */
  readonly elementBytes: Readonly<Record<D, number>>;
  malformed(what: string, cause?: unknown): Error;
  /** A tensor of another element type. */
  untaken(tensor: string, dtype: string): Error;
}

const size = z.int().check(z.nonnegative());
const headerEntries = z.record(z.string(), z.unknown());
const notes = z.record(z.string(), z.string());

/** GPT-2 small's header has 20 kB; the largest honest ones stay far below this. */
const maxHeaderBytes = 8 * 2 ** 20;

/** @throws what `malformed` makes of the first thing that is wrong */
export async function readSafetensorsHeader<D extends string>(source: HeaderSource<D>): Promise<Header<D>> {
  const malformed: Malformed = (what, cause) => source.malformed(what, cause);
  if (source.size < 8) throw malformed(`it has ${source.size} bytes`);
  const length = (await source.read(0, 8)).readBigUInt64LE();
  if (length > BigInt(maxHeaderBytes)) throw malformed(`its header claims ${length} bytes`);
  if (length > BigInt(source.size - 8)) throw malformed(`its header of ${length} bytes is longer than the file`);
  const start = 8 + Number(length);
  const { __metadata__: metadata, ...header } = parse(await source.read(8, Number(length)), malformed);
  const headerEntry = z.object({
    dtype: z.string(),
    shape: z.array(size),
    /** First and last byte, exclusive, counted from the end of the header. */
    data_offsets: z.tuple([size, size]),
  });
  const tensors = Object.entries(header).map(([name, value]) => {
    const entry = z.safeParse(headerEntry, value);
    if (!entry.success) {
      const [issue] = entry.error.issues;
      throw malformed(`tensor "${name}": ${issue?.path.map(String).join('.')}: ${issue?.message}`);
    }
    return place(name, entry.data, start, source);
  });
  rejectOverlaps(tensors, malformed);
  return { tensors, metadata: z.safeParse(notes, metadata).data ?? {} };
}

type Malformed = (what: string, cause?: unknown) => Error;

function isTaken<D extends string>(dtype: string, { elementBytes }: HeaderSource<D>): dtype is D {
  return Object.hasOwn(elementBytes, dtype);
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

function parse(bytes: Buffer, malformed: Malformed): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw malformed('its header is not JSON', cause);
  }
  const header = z.safeParse(headerEntries, value);
  if (!header.success) throw malformed('its header is not a JSON object');
  return header.data;
}

function place<D extends string>(
  name: string,
  { dtype, shape, data_offsets: [begin, end] }: Entry,
  start: number,
  source: HeaderSource<D>,
): HeaderTensor<D> {
  if (!isTaken(dtype, source)) throw source.untaken(name, dtype);
  const length = shape.reduce((product, dimension) => product * dimension, source.elementBytes[dtype]);
  if (end - begin !== length) {
    throw source.malformed(`tensor "${name}" of shape [${shape.join(', ')}] has ${end - begin} bytes, not ${length}`);
  }
  if (start + end > source.size)
    throw source.malformed(`tensor "${name}" ends at byte ${start + end} of ${source.size}`);
  return { name, dtype, shape, offset: start + begin, length };
}

function rejectOverlaps(tensors: readonly HeaderTensor<string>[], malformed: Malformed): void {
  const ordered = tensors.filter((tensor) => tensor.length > 0).sort((a, b) => a.offset - b.offset);
  for (const [index, tensor] of ordered.entries()) {
    const next = ordered[index + 1];
    if (next && tensor.offset + tensor.length > next.offset) {
      throw malformed(`tensors "${tensor.name}" and "${next.name}" overlap`);
    }
  }
}
