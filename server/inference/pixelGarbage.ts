/**
 * Pixels lie outside of V8's heap, and so does what the decoder of an image keeps until V8 has let go of it. V8 has room
 * for many of them before it looks through its whole heap: it is told to do that when enough have come together.
 */
import { collectGarbage } from './collectGarbage.js';

/** One large image, or some twenty small ones. Collecting costs 5 ms. */
const limit = 4_000_000;

/** Pixels that were decoded since the last collection. */
let decoded = 0;

/** Told of every image that was decoded. @param pixels width × height */
export function countPixels(pixels: number): void {
  decoded += pixels;
}

/** To be called when an image's pixels were let go: frees what nothing refers to any more, if that may be much. */
export function collectPixels(): void {
  if (decoded <= limit) return;
  decoded = 0;
  collectGarbage();
}
