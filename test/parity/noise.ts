/** The inputs of the parity fixtures, made again from their seeds: see noise.py, which fixes them. */

const blocks = [130, 65, 52, 26, 20, 13, 10, 4];

/** `pixel_values [3,size,size]` of a seed: squares of one value each, from −2 to 2. */
export function noisePixelValues(seed: number, size = 260): Float32Array {
  const block = blocks[seed % blocks.length]!;
  const side = size / block;
  const grid = new Float32Array(3 * side * side);
  let state = seed;
  for (let i = 0; i < grid.length; i++) {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    grid[i] = (state / 2 ** 32) * 4 - 2;
  }
  const values = new Float32Array(3 * size * size);
  for (let i = 0; i < values.length; i++) {
    const [channel, y, x] = [Math.floor(i / size ** 2), Math.floor(i / size) % size, i % size];
    values[i] = grid[(channel * side + Math.floor(y / block)) * side + Math.floor(x / block)]!;
  }
  return values;
}

/** Float32 values of any shape, row-major, from `seed` and `name`: uniform around `centre`, of standard deviation `spread`. */
export function noiseTensor(seed: number, name: string, length: number, spread = 1, centre = 0): Float32Array {
  let state = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) state = Math.imul(state ^ byte, 0x01000193);
  const scale = Math.sqrt(3) * spread;
  return Float32Array.from({ length }, (_, i) => {
    let h = ((state ^ seed) + Math.imul(i, 0x9e3779b9)) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
    return centre + ((h >>> 8) / 2 ** 23 - 1) * scale;
  });
}

/** A network's tensor by its checkpoint name, such that activations keep the size of 1. */
export function noiseWeight(seed: number, name: string, shape: readonly number[]): Float32Array {
  const length = shape.reduce((product, size) => product * size, 1);
  if (name.endsWith('wte.weight')) return noiseTensor(seed, name, length, 0.2);
  if (/(wpe|lm_head|position\w*|prefix_const)(\.weight)?$/.test(name)) return noiseTensor(seed, name, length, 0.5);
  if (shape.length === 1) {
    const isGain = /((ln_\w+|norm\d?|layernorm\w*|bn\d|downsample\.1)\.weight|lambda1|running_var)$/.test(name);
    return noiseTensor(seed, name, length, 0.2, isGain ? 1 : 0);
  }
  const isTransposed = /^(gpt\.transformer\.h\.|encoder\.proj$)/.test(name);
  const inputs = isTransposed ? shape[0]! : length / shape[0]!;
  return noiseTensor(seed, name, length, Math.sqrt((/^encoder\.(conv|layer)\d/.test(name) ? 2 : 1) / inputs));
}
