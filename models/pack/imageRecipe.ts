/** What a manifest says of how images are prepared for the encoder. */
import * as z from 'zod/mini';
import { channels, count } from './manifestFields.js';

export const imageRecipe = z
  .object({
    /** Side of the square that the encoder takes, in pixels. */
    size: count.check(z.lte(4096)),
    /** `shortest-edge` keeps the aspect, `stretch` makes both sides alike, `none` keeps the image’s own size. */
    resize: z.enum(['shortest-edge', 'stretch', 'none']),
    /** What the shorter side is resized to, or both sides are, in pixels: `size` unless a crop makes the difference. */
    resizeTo: z.optional(count.check(z.lte(4096))),
    resampling: z.enum(['bilinear', 'bicubic', 'lanczos']),
    /** `center` cuts the middle out; where the image is smaller than `size`, black fills up. */
    crop: z.enum(['center', 'none']),
    /**
     * Where the crop begins when an odd number of pixels is left over: `half-even` (if left out) rounds the half to an even
     * number, as CLIP’s own code does; `down` is Hugging Face’s way.
     */
    cropRounding: z.optional(z.enum(['half-even', 'down'])),
    /** What 8-bit values are multiplied with, if they are not divided by 255. */
    scale: z.optional(z.number().check(z.positive())),
    /** Per channel, of scaled values. */
    mean: channels,
    std: channels.check(z.refine((std) => std.every((value) => value !== 0), 'must not contain 0')),
  })
  .check(
    // Only an image that was stretched to `size` leaves nothing to cut off.
    z.refine((image) => (image.resize === 'stretch' && image.resizeTo === undefined) === (image.crop === 'none'), {
      path: ['crop'],
      error: 'must be none after a stretch to size, else center',
    }),
    z.refine((image) => image.resize !== 'none' || image.resizeTo === undefined, {
      path: ['resizeTo'],
      error: 'must be left out where nothing is resized',
    }),
  );

export type ImageRecipe = Readonly<z.infer<typeof imageRecipe>>;
