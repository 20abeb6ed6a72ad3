/**
 * The directory of a zip archive as PyTorch writes it: which records it has, and at which bytes. Its own small reader,
 * because tensors are read by offset where they are stored (so nothing is ever inflated), and because every allocation
 * has to go through {@link CheckpointFile.allocate}, which no zip library lets us say. Records may be compressed as long
 * as nobody asks for them: TorchScript compresses its code.
 * Format: PKWARE's APPNOTE 6.3, with zip64.
 */
import type { CheckpointFile } from './checkpointFile.js';
import { invalid, quoted } from './errors.js';
import type { RecordSum } from './recordChecksum.js';

export interface ZipEntry {
  readonly name: string;
  /** Position of its first data byte in the file. */
  readonly offset: number;
  /** In bytes, as stored. */
  readonly length: number;
  /** Whether the bytes are there as they are, neither compressed nor encrypted. */
  readonly stored: boolean;
  /** Undefined for PyTorch's `set_crc32_options(False)`, which writes 0. */
  readonly sum: RecordSum | undefined;
}

/** As many as no model has tensors. */
const maxEntries = 2 ** 14;
const maxDirectoryBytes = 32 * 2 ** 20;
const maxNameBytes = 1024;

const endBytes = 22;
const maxCommentBytes = 0xffff;
const directoryEntryBytes = 46;
const localHeaderBytes = 30;

interface Directory {
  readonly offset: number;
  readonly length: number;
  readonly entries: number;
}

/** @throws CaptionError `checkpoint-invalid` */
export async function readZip(file: CheckpointFile): Promise<ReadonlyMap<string, ZipEntry>> {
  const { offset, length, entries: count } = await findDirectory(file);
  if (count > maxEntries)
    throw invalid(file.path, `its archive claims ${count} records, at most ${maxEntries} are read`);
  if (length > maxDirectoryBytes) throw invalid(file.path, `its archive’s directory has ${length} bytes`);
  if (length < count * directoryEntryBytes) {
    throw invalid(file.path, `its archive claims ${count} records in a directory of ${length} bytes`);
  }
  const directory = await file.read(offset, length);
  const entries = new Map<string, ZipEntry>();
  const extents: Extent[] = [{ begin: offset, end: offset + length, name: 'the directory' }];
  const header = Buffer.from(file.allocate(localHeaderBytes));
  for (let position = 0, index = 0; index < count; index++) {
    const entry = readDirectoryEntry(directory, position, file.path);
    checkName(entry.name, file.path);
    if (entries.has(entry.name)) throw invalid(file.path, `its archive has two records ${quoted(entry.name)}`);
    await file.readInto(header, entry.headerOffset);
    if (header.readUInt32LE(0) !== 0x04034b50) {
      throw invalid(file.path, `record ${quoted(entry.name)} is not where the archive’s directory says`);
    }
    const start = entry.headerOffset + localHeaderBytes + header.readUInt16LE(26) + header.readUInt16LE(28);
    const end = start + entry.length;
    if (end > file.size) throw invalid(file.path, `record ${quoted(entry.name)} ends at byte ${end} of ${file.size}`);
    extents.push({ begin: entry.headerOffset, end, name: quoted(entry.name) });
    const { name, stored, crc32 } = entry;
    const sum = crc32 === 0 ? undefined : { record: name, crc32 };
    entries.set(name, { name, stored, offset: start, length: entry.length, sum });
    position = entry.next;
  }
  rejectOverlaps(extents, file.path);
  return entries;
}

async function findDirectory(file: CheckpointFile): Promise<Directory> {
  const tailBytes = Math.min(file.size, endBytes + maxCommentBytes);
  const tailStart = file.size - tailBytes;
  const tail = await file.read(tailStart, tailBytes);
  let end = tailBytes - endBytes;
  while (
    end >= 0 &&
    !(tail.readUInt32LE(end) === 0x06054b50 && end + endBytes + tail.readUInt16LE(end + 20) === tailBytes)
  ) {
    end--;
  }
  if (end < 0) throw invalid(file.path, 'its archive has no directory at its end, so the file is cut off');
  const plain = {
    entries: tail.readUInt16LE(end + 10),
    length: tail.readUInt32LE(end + 12),
    offset: tail.readUInt32LE(end + 16),
  };
  const locator = end - 20;
  if (locator < 0 || tail.readUInt32LE(locator) !== 0x07064b50) return plain;
  const record = await file.read(wide(tail, locator + 8, file.path), 56);
  if (record.readUInt32LE(0) !== 0x06064b50)
    throw invalid(file.path, 'its archive’s zip64 directory is not where it says');
  return {
    entries: wide(record, 32, file.path),
    length: wide(record, 40, file.path),
    offset: wide(record, 48, file.path),
  };
}

interface DirectoryEntry {
  readonly name: string;
  readonly length: number;
  readonly stored: boolean;
  readonly crc32: number;
  readonly headerOffset: number;
  /** Position of the next entry in the directory. */
  readonly next: number;
}

function readDirectoryEntry(bytes: Buffer, position: number, path: string): DirectoryEntry {
  if (position + directoryEntryBytes > bytes.length || bytes.readUInt32LE(position) !== 0x02014b50) {
    throw invalid(path, 'its archive’s directory is damaged');
  }
  const flags = bytes.readUInt16LE(position + 8);
  const method = bytes.readUInt16LE(position + 10);
  const crc32 = bytes.readUInt32LE(position + 16);
  const nameLength = bytes.readUInt16LE(position + 28);
  const extraLength = bytes.readUInt16LE(position + 30);
  const extraStart = position + directoryEntryBytes + nameLength;
  const next = extraStart + extraLength + bytes.readUInt16LE(position + 32);
  if (next > bytes.length) throw invalid(path, 'its archive’s directory is damaged');
  if (nameLength > maxNameBytes) throw invalid(path, `its archive has a record whose name takes ${nameLength} bytes`);
  const extra = bytes.subarray(extraStart, extraStart + extraLength);
  const [size, compressed, headerOffset] = widen(
    [bytes.readUInt32LE(position + 24), bytes.readUInt32LE(position + 20), bytes.readUInt32LE(position + 42)],
    extra,
    path,
  );
  const stored = method === 0 && (flags & 1) === 0;
  if (stored && size !== compressed) throw invalid(path, 'its archive has a stored record of two sizes');
  const name = bytes.toString('utf8', position + directoryEntryBytes, extraStart);
  return { name, length: compressed, stored, crc32, headerOffset, next };
}

/** Replaces sizes that need more than 32 bits by those of the zip64 field. */
function widen(values: readonly [number, number, number], extra: Buffer, path: string): [number, number, number] {
  const result: [number, number, number] = [...values];
  if (!values.includes(0xffffffff)) return result;
  for (let position = 0; position + 4 <= extra.length;) {
    const end = position + 4 + extra.readUInt16LE(position + 2);
    if (extra.readUInt16LE(position) === 1) {
      let field = position + 4;
      for (const [index, value] of values.entries()) {
        if (value !== 0xffffffff) continue;
        if (field + 8 > Math.min(end, extra.length)) break;
        result[index] = wide(extra, field, path);
        field += 8;
      }
      return result;
    }
    position = end;
  }
  return result;
}

function wide(bytes: Buffer, position: number, path: string): number {
  const value = bytes.readBigUInt64LE(position);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid(path, `its archive points to byte ${value}`);
  return Number(value);
}

function checkName(name: string, path: string): void {
  const outside =
    name === '' ||
    name.startsWith('/') ||
    /[\\\0]|^[A-Za-z]:/u.test(name) ||
    name.split('/').some((part) => part === '..' || part === '.');
  if (outside) throw invalid(path, `the name of record ${quoted(name)} leads out of the archive`);
}

interface Extent {
  readonly begin: number;
  readonly end: number;
  readonly name: string;
}

function rejectOverlaps(extents: Extent[], path: string): void {
  extents.sort((a, b) => a.begin - b.begin);
  for (const [index, { end, name }] of extents.entries()) {
    const next = extents[index + 1];
    if (next && end > next.begin) throw invalid(path, `in its archive, ${name} and ${next.name} overlap`);
  }
}
