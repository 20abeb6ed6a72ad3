/** V8's collector, told to look through its whole heap now. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

/** Frees what nothing refers to any more, now. */
export function collectGarbage(): void {
  if (typeof collect === 'function') Reflect.apply(collect, undefined, []);
}
