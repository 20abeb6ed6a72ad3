/** A process of ours that runs single steps of inference on a pack (`worker.ts`). */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { childOptions } from '@clipcap/server/process/child';
import { root } from '../../root.js';
import type { WorkerAnswer, WorkerRequest } from './worker.js';

interface Worker {
  ask(request: WorkerRequest): Promise<WorkerAnswer>;
  end(): Promise<void>;
}

async function startWorker(pack: string, prefixes: string): Promise<Worker> {
  const script = join(root, 'test', 'out', 'bench', 'full', 'worker.js');
  const child = fork(script, [pack, prefixes], childOptions());
  const ended = once(child, 'exit');
  const next = (): Promise<WorkerAnswer> =>
    Promise.race([
      new Promise<WorkerAnswer>((resolve) => {
        child.once('message', (answer: WorkerAnswer) => resolve(answer));
      }),
      failure(),
    ]);
  const failure = async (): Promise<never> => {
    await ended;
    throw new Error(`the measured process ended (${pack})`);
  };
  await next();
  return {
    ask(request) {
      const answer = next();
      child.send(request);
      return answer;
    },
    async end() {
      child.disconnect();
      await ended;
    },
  };
}

/** Runs `work` with workers on `packs`, which end with it. */
export async function withWorkers<Name extends string, Result>(
  packs: Readonly<Record<Name, string>>,
  prefixes: string,
  work: (ask: Ask<Name>) => Promise<Result>,
): Promise<Result> {
  const workers = new Map<string, Worker>();
  try {
    for (const [name, pack] of Object.entries<string>(packs)) workers.set(name, await startWorker(pack, prefixes));
    return await work((name, request) => workers.get(name)!.ask(request));
  } finally {
    await Promise.all([...workers.values()].map((worker) => worker.end()));
  }
}

/** Asks a worker by the name of its pack. */
export type Ask<Name extends string> = (name: Name, request: WorkerRequest) => Promise<WorkerAnswer>;
