/** Made-up numbers where any will do, as long as they are the same on every machine. */

/** Numbers from −2 to below 2, as pixel values of normalised images are (a linear congruential generator). */
export function noise(length: number, seed = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 30 - 2;
  });
}
