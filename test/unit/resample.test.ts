/** Properties of resizing that hold for every image; equality with Pillow is in `parity/preprocess.test.ts`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { cropWindow } from '@clipcap/server/inference/preprocess';
import { type Axis, type Pixels, resample } from '@clipcap/server/inference/resample';

const resampling = fc.constantFrom('bilinear' as const, 'bicubic' as const);
const side = fc.integer({ min: 1, max: 40 });

const image = fc
  .tuple(side, side)
  .chain(([width, height]) =>
    fc
      .uint8Array({ minLength: width * height * 3, maxLength: width * height * 3 })
      .map((data): Pixels => ({ data, width, height })),
  );

function whole(from: number, to: number): Axis {
  return { from, to, start: 0, length: to };
}

function recipe(size: number, resize: 'shortest-edge' | 'stretch' = 'shortest-edge') {
  const [mean, std] = [
    [0, 0, 0],
    [1, 1, 1],
  ] as [[number, number, number], [number, number, number]];
  return { size, resize, resampling: 'bicubic' as const, crop: 'center' as const, mean, std };
}

test('an image resized to its own size is unchanged', () => {
  fc.assert(
    fc.property(image, resampling, (pixels, filter) => {
      const { width, height, data } = pixels;
      assert.deepEqual(resample(pixels, whole(width, width), whole(height, height), filter).data, data);
    }),
  );
});

test('one colour stays that colour at every size', () => {
  fc.assert(
    fc.property(
      side,
      side,
      side,
      side,
      fc.integer({ min: 0, max: 255 }),
      resampling,
      (w, h, toW, toH, value, filter) => {
        const data = new Uint8Array(w * h * 3).fill(value);
        const resized = resample({ data, width: w, height: h }, whole(w, toW), whole(h, toH), filter);
        assert.ok(resized.data.every((byte) => byte === value));
      },
    ),
  );
});

test('a window equals the same part of the whole resized image', () => {
  fc.assert(
    fc.property(image, side, side, fc.nat(), fc.nat(), resampling, (pixels, toW, toH, x, y, filter) => {
      const columns = whole(pixels.width, toW);
      const rows = whole(pixels.height, toH);
      const all = resample(pixels, columns, rows, filter);
      const left = x % toW;
      const top = y % toH;
      const cut = resample(
        pixels,
        { ...columns, start: left, length: toW - left },
        { ...rows, start: top, length: toH - top },
        filter,
      );
      for (let row = 0; row < cut.height; row++) {
        const start = ((row + top) * toW + left) * 3;
        const expected = all.data.subarray(start, start + cut.width * 3);
        assert.deepEqual(cut.data.subarray(row * cut.width * 3, (row + 1) * cut.width * 3), expected);
      }
    }),
  );
});

test('the longer side is truncated, and an odd rest of the crop is halved to even', () => {
  // 260 · 375 / 500 is whole; 260 · 1001 / 750 = 347.01 is cut to 347, whose rest of 87 gives 43.5 → 44.
  assert.deepEqual(cropWindow(1001, 750, recipe(260)).columns, { from: 1001, to: 347, start: 44, length: 260 });
  // 2 · 7 / 2 = 7, rest 5, half 2.5 → 2.
  assert.deepEqual(cropWindow(2, 7, recipe(2)).rows, { from: 7, to: 7, start: 2, length: 2 });
});

test('stretching takes both sides to the size, whatever the aspect', () => {
  const { columns, rows } = cropWindow(20_000, 10, recipe(32, 'stretch'));
  assert.deepEqual(columns, { from: 20_000, to: 32, start: 0, length: 32 });
  assert.deepEqual(rows, { from: 10, to: 32, start: 0, length: 32 });
});

test('of a strip only the cropped window is computed', () => {
  // The whole resized image would have 260 × 26,000,000 pixels: no array can hold it.
  const strip = { data: new Uint8Array(100_000 * 3).fill(9), width: 1, height: 100_000 };
  const { columns, rows } = cropWindow(1, 100_000, recipe(260));
  const { data, width, height } = resample(strip, columns, rows, 'bicubic');
  assert.deepEqual([width, height, data.every((byte) => byte === 9)], [260, 260, true]);
});

/** Pillow 13's `resize((3, 3), BICUBIC)` of RGB images whose byte i of n is ⌊192·i/n⌋ + ⌊i²/128⌋ mod 64. */
const strips = [
  {
    width: 1,
    height: 2000000,
    resized: [
      69, 69, 69, 69, 69, 69, 69, 69, 69, 133, 133, 133, 133, 133, 133, 133, 133, 133, 193, 193, 193, 193, 193, 193,
      193, 193, 193,
    ],
  },
  {
    width: 2000000,
    height: 1,
    resized: [
      69, 69, 69, 133, 133, 133, 193, 193, 193, 69, 69, 69, 133, 133, 133, 193, 193, 193, 69, 69, 69, 133, 133, 133,
      193, 193, 193,
    ],
  },
  {
    width: 3,
    height: 700001,
    resized: [
      65, 65, 65, 65, 65, 65, 65, 65, 65, 127, 127, 127, 127, 127, 127, 127, 127, 127, 189, 189, 189, 189, 189, 189,
      189, 189, 189,
    ],
  },
];

for (const { width, height, resized } of strips) {
  test(`a strip of ${width} × ${height} pixels is resized as Pillow does, and the image after it, too`, () => {
    const length = width * height * 3;
    const data = new Uint8Array(length);
    for (let i = 0; i < length; i++) data[i] = Math.floor((192 * i) / length) + (Math.floor((i * i) / 128) % 64);
    assert.deepEqual(
      [...resample({ data, width, height }, whole(width, 3), whole(height, 3), 'bicubic').data],
      resized,
    );
    const small = { data: Uint8Array.of(1, 2, 3), width: 1, height: 1 };
    assert.deepEqual([...resample(small, whole(1, 2), whole(1, 1), 'bicubic').data], [1, 2, 3, 1, 2, 3]);
  });
}
