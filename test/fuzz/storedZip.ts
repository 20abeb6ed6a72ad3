/** Zip archives of records that are stored as they are, for tests: the layout that `torch.save` writes. */

export interface ZipOptions {
  /** Writes sizes and places as 64-bit numbers in zip64 fields. */
  readonly zip64?: boolean;
}

/** The archive's bytes. */
export function storedZip(
  records: Iterable<readonly [name: string, bytes: Buffer]>,
  { zip64 = false }: ZipOptions = {},
): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let position = 0;
  const write = (...pieces: Buffer[]): void => {
    parts.push(...pieces);
    for (const piece of pieces) position += piece.length;
  };
  for (const [text, bytes] of records) {
    const name = Buffer.from(text);
    const extra = zip64
      ? Buffer.concat([u16(1), u16(24), u64(bytes.length), u64(bytes.length), u64(position)])
      : Buffer.alloc(0);
    const size = u32(zip64 ? 0xffffffff : bytes.length);
    // Needed version, flags, method (stored), time, date, CRC-32 (0 where PyTorch computes none), sizes.
    const common = Buffer.concat([
      u16(45),
      u16(0),
      u16(0),
      u32(0),
      u32(0),
      size,
      size,
      u16(name.length),
      u16(extra.length),
    ]);
    const attributes = Buffer.concat([u16(0), u16(0), u16(0), u32(0), u32(zip64 ? 0xffffffff : position)]);
    directory.push(Buffer.concat([u32(0x02014b50), u16(45), common, attributes, name, extra]));
    write(u32(0x04034b50), common, name, extra, bytes);
  }
  const begin = position;
  write(...directory);
  const length = position - begin;
  const count = directory.length;
  if (zip64) {
    const end = position;
    write(u32(0x06064b50), u64(44), u16(45), u16(45), u32(0), u32(0), u64(count), u64(count), u64(length), u64(begin));
    write(u32(0x07064b50), u32(0), u64(end), u32(1));
  }
  const [counts, place] = zip64 ? [u16(0xffff), u32(0xffffffff)] : [u16(count), u32(begin)];
  write(u32(0x06054b50), u32(0), counts, counts, zip64 ? place : u32(length), place, u16(0));
  return Buffer.concat(parts);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
