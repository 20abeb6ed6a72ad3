/** The shipped inference process with a model of the official sizes: start, memory, cancelling. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { packFiles } from '@clipcap/models/pack/manifest';
import { growth } from '../growth.js';
import { InferenceUnderTest } from '../inferenceUnderTest.js';
import { Samples, tokens, type Setting } from './setting.js';
import { heading, row } from './table.js';

const length = { minTokens: tokens, maxTokens: tokens };
const searches = [
  { strategy: 'greedy', ...length },
  { strategy: 'beam', beams: 5, ...length },
] as const;
/** Cancelled captions of each process. */
const cancels = 5;

export async function measureProcess({ processes, packs, photos }: Setting): Promise<void> {
  const samples = new Samples();
  for (let process = 0; process < processes; process++) {
    const start = performance.now();
    const inference = new InferenceUnderTest(packs.fp32);
    await inference.load();
    samples.add('ready', performance.now() - start);
    let step = 0;
    for (const options of searches) {
      for (const photo of photos.slice(0, 4)) {
        step = (await inference.caption(photo, options)).image.timings.generate / tokens;
      }
    }
    const peak = await inference.peakMemory();
    if (peak !== undefined) samples.add('peak', peak);
    const ofProcess = new Samples();
    for (let cancel = 0; cancel < cancels; cancel++) {
      const after = 5 + cancel;
      const { steps, milliseconds } = await inference.cancel(photos[cancel]!, searches[1], after);
      ofProcess.add('steps', steps - after);
      ofProcess.add('cancel', milliseconds / step);
    }
    samples.addMedians(ofProcess);
    await inference.end();
  }
  const { size } = await stat(join(packs.fp32, packFiles.weights));
  heading('The inference process, fp32');
  row('model ready after the process’s start', samples.of('ready'), 'ms', { atMost: 2500 });
  const limit = Math.round((1.25 * size) / 2 ** 20 + 300);
  row('peak memory while captioning, greedy and beam 5', samples.of('peak'), 'MB', { atMost: limit });
  row('steps reported after a cancel, beam 5', samples.of('steps'), 'steps', { atMost: 1 });
  row('time from a cancel to the next request, beam 5', samples.of('cancel'), 'steps');
}

export async function measureGrowth({ packs, photos }: Setting): Promise<void> {
  const grown = await growth(photos, new InferenceUnderTest(packs.q8));
  row('growth over 1,000 captions, q8', [grown], 'MB', { atMost: 20 });
}
