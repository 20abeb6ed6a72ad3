/**
 * The built-in pack's speed and memory, measured on what is shipped (`dist/`), each row beside its goal. With a peer, the
 * same weights run in PyTorch by turns with ours, and the ratio of one run is what counts.
 */
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CaptionOptions } from '@clipcap/protocol/caption';
import { root } from '../root.js';
import { growth } from './growth.js';
import { hoverTimes } from './hover.js';
import { InferenceUnderTest } from './inferenceUnderTest.js';
import { comparePeer } from './peer.js';
import { writePhotos } from './photos.js';
import { figure, type Figure, verdict } from './statistics.js';

const small = { width: 500, height: 375 };
const large = { width: 4032, height: 3024 };
/** Fresh processes per figure: one process can be lucky with its memory's layout. */
const processes = 5;

/** What goals and the peer are stated for; the pack’s own decoding has a row beside it. */
const beam4 = { strategy: 'beam', beams: 4 } as const;

/** @param python of the peer */
export async function benchBuiltin(python: string | undefined): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'clipcap-bench-'));
  try {
    const smallPhotos = await writePhotos(join(folder, 'small'), small, 200);
    const largePhotos = await writePhotos(join(folder, 'large'), large, 3);
    const [first] = smallPhotos;
    if (first === undefined) throw new Error('no photo was written');
    console.log(`${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.versions.node}\n`);

    const smallRuns = await warm(smallPhotos.slice(0, 12), 3, beam4);
    row('500×375 JPEG, warm, beam 4', smallRuns.time, 'ms', '≤ 60');
    const asPackSays = await warm(smallPhotos.slice(0, 12), 3, {});
    row('500×375 JPEG, warm, as the pack decodes', asPackSays.time, 'ms', '');
    const largeRuns = await warm(largePhotos, 3, beam4);
    row('4032×3024 JPEG, warm, beam 4', largeRuns.time, 'ms', '≤ 350');
    row('200 photos of 500×375', await throughput(smallPhotos), 'a second', '≥ 20');
    row('command line, cold, one photo', commandLine(first), 'ms', '≤ 1200');
    row('hover on a captioned image', figure(await hoverTimes(first, 50)), 'ms', '≤ 5');
    if (smallRuns.memory !== undefined) row('peak memory at 500×375', smallRuns.memory, 'MB', '≤ 350');
    if (largeRuns.memory !== undefined) row('peak memory at 12 megapixels', largeRuns.memory, 'MB', '≤ 600');
    row('growth over 1,000 captions', figure([await growth(smallPhotos)]), 'MB', '≤ 20');
    await comparePeer(python, smallPhotos.slice(0, 24), beam4, row);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One image after the other in fresh processes; the first image of each warms it up. Medians of the processes. */
async function warm(
  photos: readonly string[],
  rounds: number,
  options: CaptionOptions,
): Promise<{ time: Figure; memory: Figure | undefined }> {
  const medians: number[] = [];
  const peaks: number[] = [];
  for (let index = 0; index < processes; index++) {
    const inference = new InferenceUnderTest();
    const samples: number[] = [];
    for (let round = 0; round <= rounds; round++) {
      for (const photo of photos) {
        const start = performance.now();
        await inference.caption(photo, options);
        if (round > 0) samples.push(performance.now() - start);
      }
    }
    medians.push(figure(samples).median);
    const peak = await inference.peakMemory();
    if (peak !== undefined) peaks.push(peak);
    await inference.end();
  }
  return { time: figure(medians), memory: peaks.length > 0 ? figure(peaks) : undefined };
}

/** Photos a second with all requests under way at once, in processes that are warm. */
async function throughput(photos: readonly string[]): Promise<Figure> {
  const samples: number[] = [];
  for (let index = 0; index < processes; index++) {
    const inference = new InferenceUnderTest();
    await Promise.all(photos.slice(0, 16).map((photo) => inference.caption(photo, beam4)));
    const start = performance.now();
    await Promise.all(photos.map((photo) => inference.caption(photo, beam4)));
    samples.push((1000 * photos.length) / (performance.now() - start));
    await inference.end();
  }
  return figure(samples);
}

/** The built command, from its start to its end. */
function commandLine(photo: string): Figure {
  const samples: number[] = [];
  for (let index = 0; index < processes; index++) {
    const start = performance.now();
    const run = spawnSync(process.execPath, [join(root, 'dist', 'cli.mjs'), 'caption', '--json', photo]);
    if (run.status !== 0) throw new Error(run.stderr.toString());
    samples.push(performance.now() - start);
  }
  return figure(samples);
}

function row(name: string, value: Figure, unit: string, goal: string): void {
  const judged = goal === '' ? '' : `goal ${goal}: ${verdict(value, goal)}`;
  const spread = `(${digits(value.min)}…${digits(value.max)})`;
  console.log(
    `${name.padEnd(40)} ${digits(value.median).padStart(7)} ${unit.padEnd(9)} ${spread.padEnd(16)} ${judged}`,
  );
}

function digits(x: number): string {
  return x.toFixed(x < 10 ? 1 : 0);
}
