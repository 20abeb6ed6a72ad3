/** PNG files with exactly the samples given: encoders would convert them. */
import { crc32, deflateSync } from 'node:zlib';

type ColourType = 'grey' | 'rgb' | 'palette' | 'grey-alpha' | 'rgb-alpha';

const colourTypes = {
  grey: { code: 0, channels: 1 },
  rgb: { code: 2, channels: 3 },
  palette: { code: 3, channels: 1 },
  'grey-alpha': { code: 4, channels: 2 },
  'rgb-alpha': { code: 6, channels: 4 },
} as const;

export interface PngImage {
  readonly width: number;
  readonly height: number;
  readonly colour: ColourType;
  readonly depth: 8 | 16;
  /** Row by row, channels interleaved. */
  readonly samples: readonly number[];
  /** Chunks between the header and the pixels: palette, transparency, profile. */
  readonly chunks?: readonly { readonly type: string; readonly data: Uint8Array }[];
}

export function writePng({ width, height, colour, depth, samples, chunks = [] }: PngImage): Buffer {
  const { code, channels } = colourTypes[colour];
  const bytes = depth / 8;
  const rows = Buffer.alloc(height * (1 + width * channels * bytes));
  samples.forEach((sample, i) => {
    const row = Math.floor(i / (width * channels));
    rows.writeUIntBE(sample, i * bytes + row + 1, bytes);
  });
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header(width, height, depth, code)),
    ...chunks.map(({ type, data }) => chunk(type, data)),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', new Uint8Array()),
  ]);
}

/** The beginning of a file that claims any size; its pixels are missing. */
export function writePngHeader(width: number, height: number): Buffer {
  const start = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([
    start,
    chunk('IHDR', header(width, height, 8, 2)),
    chunk('IDAT', deflateSync(new Uint8Array(9))),
  ]);
}

function header(width: number, height: number, depth: number, code: number): Buffer {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.writeUInt8(depth, 8);
  data.writeUInt8(code, 9);
  return data;
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc32(body), body.length + 4);
  return whole;
}
