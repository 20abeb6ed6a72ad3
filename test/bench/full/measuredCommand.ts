/** Runs a program to its end and watches its memory. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';

export interface MeasuredCommand {
  readonly milliseconds: number;
  /**
   * Largest resident memory at any moment in megabytes, of the program and the processes that it started together: pages
   * that they share count twice. Undefined where it is not told.
   */
  readonly peak: number | undefined;
}

const interval = 20;

/** @throws Error with what the program said, if it fails */
export async function measureCommand(program: string, args: readonly string[]): Promise<MeasuredCommand> {
  const start = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  let peak: number | undefined;
  const look = async (): Promise<void> => {
    const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').catch(() => '');
    const sizes = await Promise.all([child.pid, ...children.trim().split(' ')].map(resident));
    const sum = sizes.reduce((total: number, size) => total + (size ?? 0), 0);
    if (sum > 0) peak = Math.max(peak ?? 0, sum);
  };
  const watch = setInterval(() => void look(), interval);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearInterval(watch);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${said}`);
  return { milliseconds: performance.now() - start, peak };
}

/** Megabytes; undefined for a process that has ended. */
async function resident(pid: number | string | undefined): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmRSS:\s+(\d+) kB$/mu.exec(status)?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
}
