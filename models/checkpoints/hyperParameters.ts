/**
 * What training scripts keep beside the weights: the numbers, switches and words that a model was made with. Lightning
 * calls them `hyper_parameters`. They tell what shapes do not, such as how many heads there are.
 */
import { Dict, type PickleValue } from './pickleValues.js';

const key = 'hyper_parameters';
const maxDepth = 3;
/** Real ones have some dozens. */
const maxEntries = 1000;

/** As a JSON document holds them, without what it cannot hold; undefined where there are none. */
export function hyperParameters(root: PickleValue): Readonly<Record<string, unknown>> | undefined {
  const found = root instanceof Dict ? root.entries.get(key) : undefined;
  if (!(found instanceof Dict)) return undefined;
  let entries = 0;
  const plain = (dict: Dict, depth: number): Record<string, unknown> => {
    const values: [string, unknown][] = [];
    for (const [name, value] of dict.entries) {
      if (typeof name !== 'string' || ++entries > maxEntries) continue;
      if (value instanceof Dict) {
        if (depth < maxDepth) values.push([name, plain(value, depth + 1)]);
      } else if (value === null || ['number', 'boolean', 'string'].includes(typeof value)) {
        values.push([name, value]);
      }
    }
    return Object.fromEntries(values);
  };
  return plain(found, 0);
}
