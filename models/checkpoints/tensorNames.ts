/**
 * Finds the tensors in what a pickle holds and names them: a state dict's by their keys, a TorchScript module's by the
 * path of attributes to them (`visual.conv1.weight`).
 */
import { invalid, quoted } from './errors.js';
import { Dict, PlainObject, TensorRecord, type PickleValue } from './pickleValues.js';

/** Under which training scripts keep the state dict, beside optimizer, epoch and the like. */
const wrappers = ['state_dict', 'model_state_dict', 'model', 'module'];

const maxDepth = 64;
const maxNameLength = 512;

/**
 * A small pickle can describe an endless tree, by using one dict many times. Honest ones take more bytes for a tensor
 * than one visit, and less than 64 characters of names for a byte.
 */
class Budget {
  readonly #path: string;
  #visits: number;
  #characters: number;

  constructor(path: string, pickleBytes: number) {
    this.#path = path;
    this.#visits = pickleBytes;
    this.#characters = 64 * pickleBytes;
  }

  visit(): void {
    if (--this.#visits < 0) throw this.excess();
  }

  name(parent: string, key: string): string {
    const name = parent === '' ? key : `${parent}.${key}`;
    this.#characters -= name.length;
    if (name.length > maxNameLength || this.#characters < 0) throw this.excess();
    return name;
  }

  excess(): Error {
    return invalid(this.#path, 'its dicts contain each other');
  }
}

/**
 * @param pickleBytes length of the pickle that `root` was read from
 * @throws CaptionError `checkpoint-invalid` for two tensors of one name, for cycles and for endless trees
 */
export function nameTensors(root: PickleValue, pickleBytes: number, path: string): Map<string, TensorRecord> {
  const found = new Map<string, TensorRecord>();
  const budget = new Budget(path, pickleBytes);
  const walk = (value: PickleValue, name: string, depth: number): void => {
    budget.visit();
    if (value instanceof TensorRecord) {
      if (found.has(name)) throw invalid(path, `two tensors have the name ${quoted(name)}`);
      found.set(name, value);
      return;
    }
    const children = childrenOf(value);
    if (!children) return;
    if (depth > maxDepth) throw budget.excess();
    for (const [key, child] of children.entries) {
      if (typeof key === 'string' || typeof key === 'number') walk(child, budget.name(name, String(key)), depth + 1);
    }
  };
  walk(unwrap(root), '', 0);
  return found;
}

/** The attributes of a module, the entries of a dict. */
function childrenOf(value: PickleValue): Dict | undefined {
  if (value instanceof Dict) return value;
  return value instanceof PlainObject && value.state instanceof Dict && value.className.startsWith('__torch__.')
    ? value.state
    : undefined;
}

function isDotted(key: PickleValue): boolean {
  return typeof key === 'string' && key.includes('.');
}

function unwrap(root: PickleValue): PickleValue {
  let value = root;
  for (let depth = 0; depth < wrappers.length && value instanceof Dict; depth++) {
    const { entries } = value;
    // A state dict's own names have dots; a tensor beside it, such as the number of steps, has none.
    if ([...entries].some(([key, child]) => child instanceof TensorRecord && isDotted(key))) break;
    const inner = wrappers
      .map((key) => entries.get(key))
      .find((child) => child instanceof Dict && child.entries.size > 0);
    if (!inner) break;
    value = inner;
  }
  return value;
}
