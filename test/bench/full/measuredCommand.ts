/** Runs a program to its end and watches its memory. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';

export interface MeasuredCommand {
  readonly milliseconds: number;
  /** Largest resident memory in megabytes (VmHWM), without processes that it starts; undefined where it is not told. */
  readonly peak: number | undefined;
  /** The same of the largest process that it started; undefined where that is not told, or there was none. */
  readonly peakOfChildren: number | undefined;
}

const interval = 20;

/** @throws Error with what the program said, if it fails */
export async function measureCommand(program: string, args: readonly string[]): Promise<MeasuredCommand> {
  const start = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  let peak: number | undefined;
  let peakOfChildren: number | undefined;
  const look = async (): Promise<void> => {
    peak = larger(peak, await peakOf(child.pid));
    const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').catch(() => '');
    for (const pid of children.trim().split(' ')) peakOfChildren = larger(peakOfChildren, await peakOf(pid));
  };
  const watch = setInterval(() => void look(), interval);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearInterval(watch);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${said}`);
  return { milliseconds: performance.now() - start, peak, peakOfChildren };
}

/** Megabytes */
async function peakOf(pid: number | string | undefined): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmHWM:\s+(\d+) kB$/mu.exec(status)?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
}

function larger(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
}
