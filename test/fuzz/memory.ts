/** How much memory a process needs when nothing is left to collect. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** The resident set after a full collection, in bytes. */
export function memoryAfterCollection(): number {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') for (let round = 0; round < 3; round++) Reflect.apply(collect, undefined, []);
  return process.memoryUsage.rss();
}
