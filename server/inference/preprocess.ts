/** From canonical pixels to what the encoder takes: resize, crop, scale, normalise, as the pack's manifest says. */
import type { ImageRecipe } from '@clipcap/models/pack/manifest';
import { resample, type Axis, type Pixels } from './resample.js';

/** Rounds halves to even, as Python's `round` does. */
function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const fraction = value - below;
  if (fraction !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/**
 * The window of the resized image that the encoder sees: `size` pixels each way. `shortest-edge` resizes the shorter
 * side to `size` and the longer in proportion (truncated), then crops the centre; `stretch` resizes both to `size`.
 */
export function cropWindow(width: number, height: number, recipe: ImageRecipe): { columns: Axis; rows: Axis } {
  const { size, resize } = recipe;
  const axis = (side: number, other: number): Axis => {
    const to = resize === 'stretch' || side <= other ? size : Math.trunc((size * side) / other);
    return { from: side, to, start: roundHalfToEven((to - size) / 2), length: size };
  };
  return { columns: axis(width, height), rows: axis(height, width) };
}

/** `pixel_values [3,H,W]` of one image: (v/255 − mean) / std per channel. */
export function preprocess(image: Pixels, recipe: ImageRecipe): Float32Array {
  const { columns, rows } = cropWindow(image.width, image.height, recipe);
  const { data, width, height } = resample(image, columns, rows, recipe.resampling);
  const plane = width * height;
  const values = new Float32Array(3 * plane);
  for (const channel of [0, 1, 2] as const) {
    const normalised = new Float32Array(256);
    for (let v = 0; v < 256; v++) normalised[v] = (v / 255 - recipe.mean[channel]) / recipe.std[channel];
    const base = channel * plane;
    for (let i = 0; i < plane; i++) values[base + i] = normalised[data[i * 3 + channel]!]!;
  }
  return values;
}
