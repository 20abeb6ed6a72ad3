/**
 * What data types cost and gain: the same weights in each. Tokens are compared where the question is the same: every
 * model continues the captions that fp32 found, token by token.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { packFiles } from '@clipcap/models/pack/manifest';
import { median, tokens, type MeasuredDType, type Setting } from './setting.js';
import { withWorkers, type Ask } from './startWorker.js';
import { heading } from './table.js';

const dtypes = ['fp32', 'fp16', 'q8', 'q4'] as const satisfies readonly MeasuredDType[];
const captions = 32;
const rounds = 3;

export async function measureDataTypes({ processes, packs, prefixes }: Setting): Promise<void> {
  const reference = await withWorkers({ fp32: packs.fp32 }, prefixes, (ask) =>
    ask('fp32', { run: 'decode', images: captions, beams: 1, tokens }),
  );
  const found = reference.tokens!;
  heading(`Data types, random weights; ${captions} captions of ${tokens} tokens that fp32 found`);
  console.log('type   weights MB   greedy ms   beam 5 ms   equal greedy tokens   change of mean log-probability');
  let exact: Judged | undefined;
  for (const dtype of dtypes) {
    const times = { 1: [] as number[], 5: [] as number[] };
    let judged: Judged | undefined;
    for (let process = 0; process < processes; process++) {
      await withWorkers({ worker: packs[dtype] }, prefixes, async (ask) => {
        for (const beams of [1, 5] as const) times[beams].push(await decodingTime(ask, beams));
        judged ??= await judge(ask, found);
      });
    }
    if (!judged) continue;
    exact ??= judged;
    const { size } = await stat(join(packs[dtype], packFiles.weights));
    const columns = [
      dtype.padEnd(6),
      (size / 1e6).toFixed(0).padStart(10),
      median(times[1]).toFixed(0).padStart(11),
      median(times[5]).toFixed(0).padStart(11),
      `${(100 * judged.equal).toFixed(1)} %`.padStart(21),
      (judged.logProb - exact.logProb).toFixed(4).padStart(32),
    ];
    console.log(columns.join(' '));
  }
}

interface Judged {
  /** Share of the tokens. */
  readonly equal: number;
  /** Mean of the tokens. */
  readonly logProb: number;
}

async function judge(ask: Ask<'worker'>, found: readonly (readonly number[])[]): Promise<Judged> {
  const { judged } = await ask('worker', { run: 'judge', captions: found });
  const all = found.length * tokens;
  return { equal: judged!.equal / all, logProb: judged!.logProb / all };
}

async function decodingTime(ask: Ask<'worker'>, beams: number): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const { milliseconds } = await ask('worker', { run: 'decode', images: 1, beams, tokens });
    if (round > 0) times.push(milliseconds);
  }
  return median(times);
}
