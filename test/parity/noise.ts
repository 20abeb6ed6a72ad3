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
