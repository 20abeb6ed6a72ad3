/**
 * Pixels lie outside of V8's heap, so V8 is in no hurry to free them: twelve photos of 12 megapixels, one after the
 * other, left 37 MB each, and small ones leave memory of the decoder's until V8 has looked through its whole heap.
 * Collecting costs 5 ms.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

/** Frees what nothing refers to any more, now. */
export function collectGarbage(): void {
  if (typeof collect === 'function') Reflect.apply(collect, undefined, []);
}
