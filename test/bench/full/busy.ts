/** Decoding while something else keeps one core busy, as compilers and tests do in an editor. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Samples, tokens, type Setting } from './setting.js';
import { withWorkers } from './startWorker.js';
import { heading, row } from './table.js';

const dtypes = ['fp32', 'q8'] as const;
const rounds = 3;
/** Milliseconds that the busy process has to get going. */
const settle = 300;

export async function measureBusy({ processes, packs, prefixes }: Setting): Promise<void> {
  const samples = new Samples();
  for (let process = 0; process < processes; process++) {
    await withWorkers({ fp32: packs.fp32, q8: packs.q8 }, prefixes, async (ask) => {
      const ofProcess = new Samples();
      for (const dtype of dtypes) {
        for (const beams of [1, 5]) {
          const decode = async (): Promise<number> =>
            (await ask(dtype, { run: 'decode', images: 1, beams, tokens })).milliseconds;
          await decode();
          for (let round = 0; round < rounds; round++) {
            const quiet = await decode();
            ofProcess.add(`${dtype} ${beams}`, (await besideBusyCore(decode)) / quiet);
          }
        }
      }
      samples.addMedians(ofProcess);
    });
  }
  heading('One other core busy: time / quiet time');
  for (const beams of [1, 5]) {
    for (const dtype of dtypes) {
      row(`${beams === 1 ? 'greedy' : 'beam 5'} ${dtype}`, samples.of(`${dtype} ${beams}`), '×', { atMost: 1.4 });
    }
  }
}

/** Ends with its parent, even one that was killed. */
const burner = 'const parent = process.ppid; while (process.ppid === parent);';

async function besideBusyCore<Result>(work: () => Promise<Result>): Promise<Result> {
  const busy = spawn(process.execPath, ['-e', burner], { stdio: 'ignore' });
  const ended = once(busy, 'exit');
  try {
    await new Promise((resolve) => setTimeout(resolve, settle));
    return await work();
  } finally {
    busy.kill('SIGKILL');
    await ended;
  }
}
