/** From files to canonical pixels. The PNG files are written here, sample by sample; the others hold known pixels. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CaptionError } from '@clipcap/protocol/error';
import { decode, inspect } from '@clipcap/server/inference/decode';
import { fixture } from '../root.js';
import { type PngImage, writePng, writePngHeader } from '../writePng.js';

async function pixelsOf(image: PngImage): Promise<number[]> {
  const { data, width, height } = await decode(writePng(image), 'test.png');
  assert.deepEqual([width, height], [image.width, image.height]);
  return [...data];
}

function file(name: string): Buffer {
  return readFileSync(fixture(name));
}

async function refusal(bytes: Uint8Array, name = 'folder/a b.png'): Promise<CaptionError> {
  const error: unknown = await decode(bytes, name).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  assert.ok(error instanceof CaptionError, `${name} was decoded`);
  assert.ok(error.message.startsWith(name), error.message);
  assert.match(error.message, /\. [A-Z].*\.$/u, 'the message ends with a remedy');
  return error;
}

const row = { width: 2, height: 1, depth: 8 } as const;

test('RGB is taken as it is, whatever colour profile the file carries', async () => {
  const samples = [1, 2, 3, 253, 254, 255];
  const gamma = { type: 'gAMA', data: Uint8Array.of(0, 0, 0xff, 0xff) };
  const chromaticities = { type: 'cHRM', data: new Uint8Array(32).fill(1) };
  assert.deepEqual(await pixelsOf({ ...row, colour: 'rgb', samples }), samples);
  assert.deepEqual(await pixelsOf({ ...row, colour: 'rgb', samples, chunks: [gamma, chromaticities] }), samples);
});

test('grey is expanded to RGB', async () => {
  assert.deepEqual(await pixelsOf({ ...row, colour: 'grey', samples: [7, 200] }), [7, 7, 7, 200, 200, 200]);
});

test('transparency is composed over white and rounded', async () => {
  const samples = [100, 0, 200, 51, 10, 20, 30, 0];
  // 255 − (255 − v) · 51/255 = 204 + v/5
  assert.deepEqual(await pixelsOf({ ...row, colour: 'rgb-alpha', samples }), [224, 204, 244, 255, 255, 255]);
  assert.deepEqual(
    await pixelsOf({ ...row, colour: 'grey-alpha', samples: [0, 128, 99, 255] }),
    [127, 127, 127, 99, 99, 99],
  );
});

test('a palette is expanded, its transparency included', async () => {
  const palette = { type: 'PLTE', data: Uint8Array.of(255, 0, 0, 0, 100, 0) };
  const transparency = { type: 'tRNS', data: Uint8Array.of(255, 51) };
  const image = { ...row, colour: 'palette' as const, samples: [1, 0] };
  assert.deepEqual(await pixelsOf({ ...image, chunks: [palette] }), [0, 100, 0, 255, 0, 0]);
  assert.deepEqual(await pixelsOf({ ...image, chunks: [palette, transparency] }), [204, 224, 204, 255, 0, 0]);
});

test('16 bits are divided by 257 and rounded: not cut, not scaled by a profile', async () => {
  const deep = { ...row, depth: 16 } as const;
  assert.deepEqual(
    await pixelsOf({ ...deep, colour: 'rgb', samples: [0, 128, 129, 257, 65_535, 65_406] }),
    [0, 0, 1, 1, 255, 254],
  );
  assert.deepEqual(await pixelsOf({ ...deep, colour: 'grey', samples: [129, 65_407] }), [1, 1, 1, 255, 255, 255]);
  assert.deepEqual(
    await pixelsOf({ ...deep, colour: 'rgb-alpha', samples: [25_700, 0, 51_400, 13_107, 1, 2, 3, 0] }),
    [224, 204, 244, 255, 255, 255],
  );
  const { data } = await decode(file('decode/grey16.tif'), 'grey16.tif');
  const expected = Array.from({ length: 12 }, (_, i) => Math.round((i * 5000) / 257)).flatMap((v) => [v, v, v]);
  assert.deepEqual([...data], expected);
});

test('an image is turned upright, whichever of the eight ways it was stored', async () => {
  const [a, b, c, d, e, f] = [10, 20, 30, 40, 50, 60];
  const upright: Record<number, readonly (readonly (number | undefined)[])[]> = {
    1: [[a, b, c], [d, e, f]], // prettier-ignore
    2: [[c, b, a], [f, e, d]], // prettier-ignore
    3: [[f, e, d], [c, b, a]], // prettier-ignore
    4: [[d, e, f], [a, b, c]], // prettier-ignore
    5: [[a, d], [b, e], [c, f]], // prettier-ignore
    6: [[d, a], [e, b], [f, c]], // prettier-ignore
    7: [[f, c], [e, b], [d, a]], // prettier-ignore
    8: [[c, f], [b, e], [a, d]], // prettier-ignore
  };
  for (const [orientation, rows] of Object.entries(upright)) {
    const exif = Buffer.from('4d4d002a00000008000101120003000000010000000000000000', 'hex');
    exif.writeUInt16BE(Number(orientation), 18);
    const samples = [10, 20, 30, 40, 50, 60];
    const png = writePng({
      width: 3,
      height: 2,
      depth: 8,
      colour: 'grey',
      samples,
      chunks: [{ type: 'eXIf', data: exif }],
    });
    const { data, width, height } = await decode(png, 'turned.png');
    assert.deepEqual([width, height], [rows[0]?.length, rows.length], orientation);
    assert.deepEqual(
      [...data].filter((_, i) => i % 3 === 0),
      rows.flat(),
      orientation,
    );
  }
});

test('CMYK is (255−C)(255−K)/255, in the inverted files of Adobe too', async () => {
  const { data, width } = await decode(file('decode/cmyk-adobe.jpg'), 'cmyk.jpg');
  const quarters = [
    { x: 4, y: 4, ink: [78, 204, 64, 34] },
    { x: 12, y: 4, ink: [16, 250, 233, 32] },
    { x: 4, y: 12, ink: [103, 122, 13, 204] },
    { x: 12, y: 12, ink: [138, 172, 208, 127] },
  ];
  for (const { x, y, ink } of quarters) {
    const [, , , key = 0] = ink;
    const expected = ink.slice(0, 3).map((amount) => Math.round(((255 - amount) * (255 - key)) / 255));
    const at = (y * width + x) * 3;
    assert.deepEqual([...data.subarray(at, at + 3)], expected);
  }
});

test('of an animation the first frame is taken', async () => {
  const gif = await decode(file('decode/animation.gif'), 'animation.gif');
  const [red, green, blue, dark] = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]]; // prettier-ignore
  assert.deepEqual([gif.width, gif.height], [4, 2]);
  assert.deepEqual([...gif.data], [red, green, blue, dark, dark, blue, green, red].flat());
  const webp = await decode(file('decode/animation.webp'), 'animation.webp');
  assert.deepEqual([webp.width, webp.height], [4, 3]);
  assert.deepEqual([...webp.data.subarray(0, 6)], [124, 100, 12, 151, 222, 203]);
});

test('of a photo with a gain map the base image is taken', async () => {
  const { data, width, height } = await decode(file('decode/gain-map.jpg'), 'gain-map.jpg');
  assert.deepEqual([width, height], [64, 64]);
  assert.deepEqual([...data.subarray(0, 6)], [0, 10, 0, 24, 0, 159]);
});

test('AVIF is decoded', async () => {
  const { data, width, height } = await decode(file('decode/quarters.avif'), 'quarters.avif');
  assert.deepEqual([width, height], [32, 32]);
  const at = (8 * width + 8) * 3;
  const distance = [200, 40, 40].map((value, i) => Math.abs(value - data[at + i]!));
  assert.ok(Math.max(...distance) <= 3, `red is ${data.subarray(at, at + 3).join(' ')}`);
});

test('an empty file is called empty', async () => {
  assert.equal((await refusal(new Uint8Array())).code, 'empty-file');
});

test('a truncated or damaged image is corrupt, in every format', async () => {
  for (const name of ['photos/chelsea.jpg', 'decode/animation.webp', 'decode/quarters.avif', 'decode/grey16.tif']) {
    const whole = file(name);
    for (const part of [0.4, 0.8, 0.95]) {
      const { code, message } = await refusal(whole.subarray(0, whole.length * part), name);
      assert.equal(code, 'corrupt-image', `${name} ${part}`);
      assert.doesNotMatch(message, /buffer|seek|vips|\(\)/iu, 'the decoder’s own names are kept from people');
    }
  }
  const png = writePng({ width: 2, height: 2, depth: 8, colour: 'grey', samples: [1, 2, 3, 4] });
  assert.equal((await refusal(png.subarray(0, 45))).code, 'corrupt-image');
  assert.equal((await refusal(file('decode/animation.gif').subarray(0, 30))).code, 'corrupt-image');
  assert.equal((await refusal(Buffer.from('\xff\xd8\xff\xe0 not a photo', 'latin1'))).code, 'corrupt-image');
});

test('what is no image is told so, whatever it is called', async () => {
  for (const text of ['hello', '<html><body></body></html>', '{}', '\u0000'.repeat(100), 'P6 1 1 255 abc']) {
    assert.equal((await refusal(Buffer.from(text))).code, 'not-an-image', text);
  }
});

test('formats that are recognised but not decoded are named', async () => {
  const files = {
    SVG: '<?xml version="1.0"?><!-- drawn --><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    BMP: 'BM\x46\0\0\0',
    PDF: '%PDF-1.7',
    HEIC: '\0\0\0\x18ftypheic\0\0\0\0mif1heic',
    'JPEG XL': '\xff\x0a\xfa\x1f',
    'JPEG 2000': '\0\0\0\x0cjP  \r\n\x87\n',
  };
  for (const [format, content] of Object.entries(files)) {
    const error = await refusal(Buffer.from(content, 'latin1'));
    assert.equal(error.code, 'unsupported-format');
    assert.ok(error.message.includes(` ${format},`), error.message);
  }
});

test('more than 100 megapixels are refused by the header alone, 100 megapixels are not', async () => {
  const error = await refusal(writePngHeader(20_000, 5_001));
  assert.equal(error.code, 'too-many-pixels');
  assert.match(error.message, /20000 × 5001 .*\(101 megapixels\); the limit is 100\./u);
  assert.equal((await refusal(writePngHeader(20_000, 5_000))).code, 'corrupt-image', 'its pixels are missing');
});

test('a header tells how many pixels a small file will take, before any is decoded', async () => {
  const bytes = writePngHeader(10_000, 9_999);
  assert.ok(bytes.length < 200);
  assert.equal((await inspect(bytes, 'flat.png')).size, 99_990_000);
  const bomb = await inspect(bytes, 'flat.png');
  await assert.rejects(bomb.decode(), /flat\.png is a damaged or truncated PNG/u);
});
