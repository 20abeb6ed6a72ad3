/** Resizing and cropping against Pillow's results for pictures that both sides generate (`preprocess.py`). */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import type { ImageRecipe } from '@clipcap/models/pack/manifest';
import { cropWindow, preprocess } from '@clipcap/server/inference/preprocess';
import { resample, type Pixels } from '@clipcap/server/inference/resample';
import { readJson } from '../json.js';
import { fixture } from '../root.js';

interface Case {
  readonly seed: number;
  readonly width: number;
  readonly height: number;
  readonly blocks: number;
  readonly size: number;
  readonly resampling: ImageRecipe['resampling'];
  readonly resize: ImageRecipe['resize'];
  readonly sha256: string;
  readonly stride: number;
  readonly sample: readonly number[];
}

const cases = await readJson<readonly Case[]>(fixture('preprocess/cases.json'));

/** The picture of noise.py: byte n is xₙ₊₁ >> 24 of a linear congruential generator, every pixel repeated `blocks` times. */
function picture({ seed, width, height, blocks }: Case): Pixels {
  const across = Math.ceil(width / blocks);
  const noise = new Uint8Array(across * Math.ceil(height / blocks) * 3);
  let x = seed;
  for (let i = 0; i < noise.length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    noise[i] = x >>> 24;
  }
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / 3);
    const column = Math.floor((pixel % width) / blocks);
    const row = Math.floor(Math.floor(pixel / width) / blocks);
    data[i] = noise[(row * across + column) * 3 + (i % 3)]!;
  }
  return { data, width, height };
}

function recipe(size: number, resampling: Case['resampling'], resize: Case['resize']): ImageRecipe {
  return { size, resampling, resize, crop: resize === 'stretch' ? 'none' : 'center', mean: [0, 0, 0], std: [1, 1, 1] };
}

for (const resize of ['shortest-edge', 'stretch'] as const) {
  for (const resampling of ['bilinear', 'bicubic'] as const) {
    const chosen = cases.filter((item) => item.resize === resize && item.resampling === resampling);
    test(`${resampling}, ${resize}: ${chosen.length} pictures equal Pillow's, byte for byte`, () => {
      assert.ok(chosen.length >= 10);
      for (const item of chosen) {
        const name = `${item.width}×${item.height} to ${item.size}`;
        const { columns, rows } = cropWindow(item.width, item.height, recipe(item.size, resampling, resize));
        const { data } = resample(picture(item), columns, rows, resampling);
        const sample = Array.from(item.sample, (_, i) => data[i * item.stride]!);
        assert.deepEqual(sample, item.sample, name);
        assert.equal(createHash('sha256').update(data).digest('hex'), item.sha256, name);
      }
    });
  }
}

test('normalising is (v/255 − mean) / std, channel by channel', () => {
  const image = { data: Uint8Array.of(0, 51, 255, 255, 102, 0), width: 2, height: 1 };
  const values = preprocess(image, {
    ...recipe(1, 'bilinear', 'shortest-edge'),
    mean: [0, 0.2, 0.5],
    std: [1, 0.5, 0.25],
  });
  assert.deepEqual(values, Float32Array.of(0, 0, 2));
});
