/** From image files and preprocessor configs to pixels, against Pillow and `transformers` (`generate_images.py`). */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { imageRecipe } from '@clipcap/models/checkpoints/preprocessorConfig';
import type { ImageRecipe } from '@clipcap/models/pack/manifest';
import { decode } from '@clipcap/server/inference/decode';
import { preprocess, resizeAndCrop } from '@clipcap/server/inference/preprocess';
import { readJson } from '../json.js';
import { fixture } from '../root.js';
import { imageFile, samplesOf, type Noise } from './imageFiles.js';

interface Stored extends Noise {
  readonly sha256: string;
  readonly stride: number;
  readonly sample: readonly number[];
}

interface FileCase extends Stored {
  readonly kind: string;
  readonly orientation: number;
  readonly recipe: string;
}

interface ConfigCase extends Stored {
  readonly config: object;
  readonly side: number;
  readonly values: readonly number[];
}

interface Files {
  readonly recipes: Readonly<Record<string, ImageRecipe>>;
  readonly cases: readonly FileCase[];
}

const files = await readJson<Files>(fixture('preprocess/files.json'));
const configs = await readJson<{ readonly cases: readonly ConfigCase[] }>(fixture('preprocess/configs.json'));

/** Every byte equal: the samples say where it is not, the hash whether it is. */
function assertEqualPicture(data: Uint8Array, expected: Stored, name: string): void {
  const sample = Array.from(expected.sample, (_, i) => data[i * expected.stride]!);
  assert.deepEqual(sample, expected.sample, name);
  assert.equal(createHash('sha256').update(data).digest('hex'), expected.sha256, name);
}

test('files of every kind equal Pillow’s result for their canonical pixels, byte for byte', async () => {
  assert.ok(files.cases.length >= 40);
  for (const item of files.cases) {
    const { kind, orientation, width, height, recipe } = item;
    const name = `${kind}, orientation ${orientation}, ${width}×${height}, ${recipe}`;
    const image = await decode(imageFile(kind, orientation, item), name);
    assertEqualPicture(resizeAndCrop(image, files.recipes[recipe]!).data, item, name);
  }
});

test('pictures prepared as a preprocessor_config.json says equal those of the class that it names', () => {
  assert.ok(configs.cases.length >= 40);
  for (const item of configs.cases) {
    const { config, width, height, side, stride, values } = item;
    const name = `${JSON.stringify(config)}, ${width}×${height}`;
    const image = { data: Uint8Array.from(samplesOf(item, 3)), width, height };
    const recipe = imageRecipe(config);
    assert.equal(recipe.size, side, name);
    assertEqualPicture(resizeAndCrop(image, recipe).data, item, name);
    const planes = preprocess(image, recipe);
    for (const [i, value] of values.entries()) {
      const at = i * stride;
      const found = planes[(at % 3) * side * side + Math.floor(at / 3)]!;
      assert.ok(Math.abs(found - value) <= 1e-5 * Math.max(1, Math.abs(value)), `${name}: ${found} for ${value}`);
    }
  }
});
