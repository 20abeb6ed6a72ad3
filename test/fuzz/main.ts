/**
 * `npm run fuzz [-- --count N] [-- --seed N]`: feeds broken files to every reader of checkpoints and prints what each
 * made of them. A file that breaks a reader is kept in `.build/fuzz`; it belongs into `test/fixtures/fuzz` with its fix.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../root.js';
import { fuzz } from './fuzz.js';
import { memoryAfterCollection } from './memory.js';
import { fuzzedReaders } from './readers.js';

const maxGrowth = 64 * 2 ** 20;
const warmUp = 2000;

const { values: options } = parseArgs({
  options: { count: { type: 'string', default: '100000' }, seed: { type: 'string' } },
});
const count = Number(options.count);
const seed = options.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(options.seed);
if (!Number.isSafeInteger(count) || !Number.isSafeInteger(seed))
  throw new Error('--count and --seed take whole numbers');
process.stdout.write(`seed ${seed}, ${count} inputs for each reader\n`);

const readers = await fuzzedReaders();
// The engine's own buffers and compiled code are there before memory is measured.
for (const reader of readers) await fuzz(reader, seed + 1, warmUp);
const before = memoryAfterCollection();

for (const reader of readers) {
  const start = performance.now();
  const { findings, accepted, slowestMs } = await fuzz(reader, seed, count);
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  process.stdout.write(
    `${reader.name}: ${count - accepted} refused, ${accepted} read, slowest ${slowestMs.toFixed(0)} ms, ${seconds} s\n`,
  );
  for (const { index, input, what } of findings) {
    const path = join(root, '.build', 'fuzz', `${reader.name.replaceAll(' ', '-')}-${seed}-${index}`);
    await mkdir(join(root, '.build', 'fuzz'), { recursive: true });
    await writeFile(path, input);
    process.stdout.write(`  input ${index} (${path}): ${what}\n`);
    process.exitCode = 1;
  }
}

const growth = memoryAfterCollection() - before;
process.stdout.write(`the process has grown by ${(growth / 2 ** 20).toFixed(0)} MB\n`);
if (growth > maxGrowth) process.exitCode = 1;
