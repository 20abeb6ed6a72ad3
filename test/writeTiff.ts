/** TIFF files with exactly the inks given: PNG has none, and JPEG would change them. */

const short = 3;
const long = 4;

/** An uncompressed 8-bit CMYK TIFF. @param samples row by row, the four inks interleaved */
export function writeCmykTiff(width: number, height: number, samples: readonly number[]): Buffer {
  const entries = [
    { tag: 256, type: long, value: width },
    { tag: 257, type: long, value: height },
    // Bits per sample: four numbers that lie after the directory.
    { tag: 258, type: short, count: 4, value: 0 },
    { tag: 259, type: short, value: 1 },
    // Separated, that is CMYK.
    { tag: 262, type: short, value: 5 },
    { tag: 273, type: long, value: 0 },
    { tag: 277, type: short, value: 4 },
    { tag: 278, type: long, value: height },
    { tag: 279, type: long, value: samples.length },
  ];
  const bits = 8 + 2 + entries.length * 12 + 4;
  const pixels = bits + 8;
  const head = Buffer.alloc(pixels);
  head.write('II*\0', 'latin1');
  head.writeUInt32LE(8, 4);
  head.writeUInt16LE(entries.length, 8);
  for (const [i, { tag, type, count = 1, value }] of entries.entries()) {
    const at = 10 + i * 12;
    head.writeUInt16LE(tag, at);
    head.writeUInt16LE(type, at + 2);
    head.writeUInt32LE(count, at + 4);
    head.writeUInt32LE(tag === 258 ? bits : tag === 273 ? pixels : value, at + 8);
  }
  for (let ink = 0; ink < 4; ink++) head.writeUInt16LE(8, bits + ink * 2);
  return Buffer.concat([head, Uint8Array.from(samples)]);
}
