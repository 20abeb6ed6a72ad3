/** Kinds of values that manifests are made of. */
import * as z from 'zod/mini';

export const count = z.int().check(z.positive(), z.lte(1_000_000));
/** How many blocks a network has. */
export const depth = count.check(z.lte(256));
export const text = z.string().check(z.minLength(1));
export const channels = z.tuple([z.number(), z.number(), z.number()]);

/** A plain name: files are siblings of the manifest, so that no pack can reach outside its folder. */
export const fileName = z
  .string()
  .check(z.regex(/^(?!\.{1,2}$)[^/\\:\0]{1,255}$/, 'must be the plain name of a file in the pack’s folder'));
