/** Runs a program to its end and watches its memory. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';

export interface MeasuredCommand {
  readonly milliseconds: number;
  /** Largest resident memory in megabytes (VmHWM), without processes that it starts; undefined where it is not told. */
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
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    const kilobytes = /^VmHWM:\s+(\d+) kB$/mu.exec(status)?.[1];
    if (kilobytes !== undefined) peak = Math.max(peak ?? 0, Number(kilobytes) / 1024);
  };
  const watch = setInterval(() => void look(), interval);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearInterval(watch);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${said}`);
  return { milliseconds: performance.now() - start, peak };
}
