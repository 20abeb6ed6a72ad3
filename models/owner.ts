/** Folders of unfinished work have their owner in their name, so that others know whether someone still works on them. */
import { createHash } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A digest of where process ids are counted: this machine, or a container on it that may share its name and disk. */
const place = createHash('sha256').update(`${hostname()} ${processNamespace()}`).digest('hex').slice(0, 8);

/** This process, as names have it: `[0-9a-f]{8}-\d+`. */
export const owner = `${place}-${process.pid}`;

/** Whether the process has certainly ended that a name has as its owner; of another machine's nothing is known. */
export function hasEnded(named: string): boolean {
  const [where, pid] = named.split('-');
  return where === place && !lives(Number(pid));
}

function processNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
