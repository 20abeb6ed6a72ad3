/** Which preprocessor configs are refused, and how; that the others are right is in `parity/images.test.ts`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clipImageRecipe, imageRecipe } from '@clipcap/models/checkpoints/preprocessorConfig';

const clip = { image_processor_type: 'CLIPImageProcessor' };

for (const [config, code, message] of [
  [{ image_processor_type: 'ConvNextImageProcessor' }, 'checkpoint-unsupported', /names "ConvNextImageProcessor"/],
  [{ ...clip, resample: 0 }, 'checkpoint-unsupported', /resample 0 \(nearest\)/],
  [{ ...clip, resample: 4 }, 'checkpoint-unsupported', /resample 4 \(box\)/],
  [{ ...clip, resample: 5 }, 'checkpoint-unsupported', /resample 5 \(hamming\)/],
  [{ ...clip, resample: 6 }, 'checkpoint-invalid', /resample: /],
  [{ ...clip, do_pad: true }, 'checkpoint-unsupported', /asks for "do_pad"/],
  [{ ...clip, do_center_crop: false }, 'checkpoint-unsupported', /unequal in size.*Set do_center_crop/],
  [{ ...clip, crop_size: { height: 224, width: 336 } }, 'checkpoint-unsupported', /crop_size of 224 × 336/],
  [{ ...clip, size: { shortest_edge: 224, longest_edge: 500 } }, 'checkpoint-invalid', /size: .*longest_edge/],
  [{ ...clip, size: -1 }, 'checkpoint-invalid', /size: Too small/],
  [{ ...clip, size: 'large' }, 'checkpoint-invalid', /size: must be a number/],
  [{ ...clip, image_std: [1, 0, 1] }, 'checkpoint-invalid', /image_std: must not contain 0/],
  [{ ...clip, rescale_factor: 'a' }, 'checkpoint-invalid', /rescale_factor: /],
  [[], 'checkpoint-invalid', /the document: /],
  [null, 'checkpoint-invalid', /the document: /],
] as const) {
  test(`${JSON.stringify(config)} is refused with ${code}`, () => {
    assert.throws(() => imageRecipe(config, 'folder/preprocessor_config.json'), { code, message });
  });
}

test('a processor_config.json is read for the image processor that it holds', () => {
  const size = { shortest_edge: 288 };
  const nested = { processor_class: 'CLIPProcessor', image_processor: { ...clip, size, crop_size: 288 } };
  assert.deepEqual(imageRecipe(nested), { ...clipImageRecipe(288), cropRounding: 'down' });
});

test('a file that names no class means that of its encoder’s kind: a vision transformer’s images are stretched', () => {
  const config = { do_normalize: true, do_resize: true, size: 48, resample: 2, image_mean: [0.5, 0.5, 0.5] };
  const { size, resize, crop, std } = imageRecipe(config, 'preprocessor_config.json', 'vit');
  assert.deepEqual({ size, resize, crop, std }, { size: 48, resize: 'stretch', crop: 'none', std: [0.5, 0.5, 0.5] });
  assert.deepEqual(imageRecipe({}, 'preprocessor_config.json', 'dinov2'), imageRecipe(clip));
  assert.equal(imageRecipe(config, 'preprocessor_config.json', 'clip-vit').resize, 'shortest-edge');
});
