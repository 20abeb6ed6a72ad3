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
 * The window of the resized image that the encoder sees: `size` pixels each way, from the middle. `shortest-edge` resizes
 * the shorter side and the longer in proportion (truncated), `stretch` both sides alike. Where the resized image is
 * smaller than the window, the window begins before it.
 */
export function cropWindow(width: number, height: number, recipe: ImageRecipe): { columns: Axis; rows: Axis } {
  const { size, resize, resizeTo = size } = recipe;
  const round = recipe.cropRounding === 'down' ? Math.floor : roundHalfToEven;
  const resized = (side: number, other: number): number => {
    if (resize === 'none') return side;
    return resize === 'stretch' || side <= other ? resizeTo : Math.trunc((resizeTo * side) / other);
  };
  const axis = (side: number, other: number): Axis => {
    const to = resized(side, other);
    return { from: side, to, start: round((to - size) / 2), length: size };
  };
  return { columns: axis(width, height), rows: axis(height, width) };
}

/** The encoder's 8-bit picture [size,size,3]: resized and cropped. */
export function resizeAndCrop(image: Pixels, recipe: ImageRecipe): Pixels {
  const { columns, rows } = cropWindow(image.width, image.height, recipe);
  const [insideColumns, insideRows] = [inside(columns), inside(rows)];
  const found = resample(image, insideColumns, insideRows, recipe.resampling);
  if (found.width === columns.length && found.height === rows.length) return found;
  const data = new Uint8Array(columns.length * rows.length * 3);
  const stride = found.width * 3;
  for (let y = 0; y < found.height; y++) {
    const target = ((y + insideRows.start - rows.start) * columns.length + insideColumns.start - columns.start) * 3;
    data.set(found.data.subarray(y * stride, (y + 1) * stride), target);
  }
  return { data, width: columns.length, height: rows.length };
}

/** The part of a window that lies in the resized image. */
function inside({ from, to, start, length }: Axis): Axis {
  const first = Math.max(0, start);
  return { from, to, start: first, length: Math.min(to, start + length) - first };
}

/** `pixel_values [3,H,W]` of one image: (v/255 − mean) / std per channel, or v·scale in place of v/255. */
export function preprocess(image: Pixels, recipe: ImageRecipe): Float32Array {
  const { data, width, height } = resizeAndCrop(image, recipe);
  const { scale, mean, std } = recipe;
  const plane = width * height;
  const values = new Float32Array(3 * plane);
  const normalised = (channel: 0 | 1 | 2): Float32Array =>
    Float32Array.from({ length: 256 }, (_, v) => {
      const scaled = scale === undefined ? v / 255 : v * scale;
      return (scaled - mean[channel]) / std[channel];
    });
  const [red, green, blue] = [normalised(0), normalised(1), normalised(2)];
  for (let i = 0, at = 0; i < plane; i++, at += 3) {
    values[i] = red[data[at]!]!;
    values[plane + i] = green[data[at + 1]!]!;
    values[2 * plane + i] = blue[data[at + 2]!]!;
  }
  return values;
}
