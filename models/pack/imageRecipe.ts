/** What a manifest says of how images are prepared for the encoder. */
import * as z from 'zod/mini';
import { channels, count } from './manifestFields.js';

export const imageRecipe = z
  .object({
    /** Side of the square that the encoder takes, in pixels. */
    size: count.check(z.lte(4096)),
    /** `shortest-edge` keeps the aspect, `stretch` makes both sides `size`. */
    resize: z.enum(['shortest-edge', 'stretch']),
    resampling: z.enum(['bilinear', 'bicubic']),
    crop: z.enum(['center', 'none']),
    /** Per channel, of values scaled to 0…1. */
    mean: channels,
    std: channels.check(z.refine((std) => std.every((value) => value !== 0), 'must not contain 0')),
  })
  .check(
    // Only a side that keeps the aspect leaves something to cut off.
    z.refine((image) => (image.resize === 'shortest-edge') === (image.crop === 'center'), {
      path: ['crop'],
      error: 'must be center after shortest-edge, none after stretch',
    }),
  );

export type ImageRecipe = Readonly<z.infer<typeof imageRecipe>>;
