/**
 * Reads pickles (protocols 1 to 5) without executing them. A pickle is a program for a stack machine whose instructions
 * may import and call anything; this machine builds records ({@link PickleValue}) and knows a fixed list of constructors
 * (constructors.ts). Whatever else is named is an error.
 * Format: CPython's Lib/pickletools.py.
 */
import { construct, instantiate, isAllowed, storageType, type PickleContext } from './constructors.js';
import { invalid, quoted, unsupported } from './errors.js';
import { PickleBytes } from './pickleBytes.js';
import { PickleStack } from './pickleStack.js';
import { Dict, Global, PlainObject, StorageRecord, Tuple, type PickleValue } from './pickleValues.js';

/** Real ones stay below 1 MB. */
export const maxPickleBytes = 16 * 2 ** 20;

/** Instructions that make or move a value; a large model needs some 100,000. */
const maxSteps = 2_000_000;
/** A container counts as several: it takes more memory. */
const containerSteps = 8;

const stop = 0x2e;

/**
 * @param path what messages call the file
 * @throws CaptionError `checkpoint-invalid`, or `checkpoint-unsupported` naming a class or function that is not allowed
 */
export function readPickle(bytes: Buffer, path: string): PickleValue {
  return new Machine(bytes, path).run();
}

class Machine implements PickleContext {
  readonly path: string;
  readonly #bytes: PickleBytes;
  readonly #stack: PickleStack;
  readonly #memo = new Map<number, PickleValue>();
  #steps = 0;

  constructor(bytes: Buffer, path: string) {
    const damaged = (what: string): Error => this.damaged(what);
    this.path = path;
    this.#bytes = new PickleBytes(bytes, damaged);
    this.#stack = new PickleStack(damaged);
  }

  run(): PickleValue {
    for (;;) {
      const opcode = this.#bytes.byte();
      if (opcode === stop) return this.#stack.pop();
      this.spend(1);
      this.#step(opcode);
    }
  }

  /** Counts work, so that a few bytes cannot cause much of it. */
  spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > maxSteps) throw this.damaged(`it has more than ${maxSteps} instructions`);
  }

  damaged(what: string): Error {
    return invalid(this.path, `its pickle is damaged: ${what} (byte ${this.#bytes.position})`);
  }

  #step(opcode: number): void {
    switch (opcode) {
      case 0x80: // PROTO
        return this.#protocol(this.#bytes.byte());
      case 0x95: // FRAME: how much to buffer, of no use where all of it is in memory
        this.#bytes.take(8);
        return;
      case 0x28: // MARK
        return this.#stack.mark();
      case 0x30: // POP
        if (this.#stack.isEmpty) this.#stack.popMark();
        else this.#stack.pop();
        return;
      case 0x31: // POP_MARK
        this.#stack.popMark();
        return;
      case 0x32: // DUP
        return this.#stack.push(this.#stack.top());
      case 0x4e: // NONE
        return this.#stack.push(null);
      case 0x88: // NEWTRUE
        return this.#stack.push(true);
      case 0x89: // NEWFALSE
        return this.#stack.push(false);
      case 0x49: // INT: up to protocol 1 also true and false
      case 0x4c: // LONG
        return this.#stack.push(this.#bytes.decimal());
      case 0x4a: // BININT
        return this.#stack.push(this.#bytes.take(4).readInt32LE());
      case 0x4b: // BININT1
        return this.#stack.push(this.#bytes.byte());
      case 0x4d: // BININT2
        return this.#stack.push(this.#bytes.take(2).readUInt16LE());
      case 0x8a: // LONG1
        return this.#stack.push(this.#bytes.integer(this.#bytes.byte()));
      case 0x8b: // LONG4
        return this.#stack.push(this.#bytes.integer(this.#bytes.take(4).readInt32LE()));
      case 0x47: // BINFLOAT
        return this.#stack.push(this.#bytes.take(8).readDoubleBE());
      case 0x8c: // SHORT_BINUNICODE
        return this.#stack.push(this.#bytes.text(this.#bytes.byte()));
      case 0x58: // BINUNICODE
        return this.#stack.push(this.#bytes.text(this.#bytes.take(4).readUInt32LE()));
      case 0x8d: // BINUNICODE8
        return this.#stack.push(this.#bytes.text(this.#bytes.wide()));
      case 0x55: // SHORT_BINSTRING: Python 2's str
        return this.#stack.push(this.#bytes.text(this.#bytes.byte()));
      case 0x54: // BINSTRING
        return this.#stack.push(this.#bytes.text(this.#bytes.take(4).readInt32LE()));
      case 0x43: // SHORT_BINBYTES
        return this.#stack.push(this.#bytes.take(this.#bytes.byte()));
      case 0x42: // BINBYTES
        return this.#stack.push(this.#bytes.take(this.#bytes.take(4).readUInt32LE()));
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        return this.#stack.push(this.#bytes.take(this.#bytes.wide()));
      case 0x5d: // EMPTY_LIST
      case 0x8f: // EMPTY_SET: order and uniqueness are the writer's business
        return this.#pushContainer([]);
      case 0x7d: // EMPTY_DICT
        return this.#pushContainer(new Dict());
      case 0x29: // EMPTY_TUPLE
        return this.#stack.push(new Tuple([]));
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.#stack.push(new Tuple(this.#stack.popMany(opcode - 0x84)));
      case 0x74: // TUPLE
        return this.#stack.push(new Tuple(this.#stack.popMark()));
      case 0x6c: // LIST
      case 0x91: // FROZENSET
        return this.#stack.push(this.#stack.popMark());
      case 0x64: {
        // DICT
        const items = this.#stack.popMark();
        this.#pushContainer(new Dict());
        return this.#setItems(items);
      }
      case 0x61: // APPEND
        return this.#append([this.#stack.pop()]);
      case 0x65: // APPENDS
      case 0x90: // ADDITEMS
        return this.#append(this.#stack.popMark());
      case 0x73: // SETITEM
        return this.#setItems(this.#stack.popMany(2));
      case 0x75: // SETITEMS
        return this.#setItems(this.#stack.popMark());
      case 0x71: // BINPUT
        return this.#remember(this.#bytes.byte());
      case 0x72: // LONG_BINPUT
        return this.#remember(this.#bytes.take(4).readUInt32LE());
      case 0x94: // MEMOIZE
        return this.#remember(this.#memo.size);
      case 0x68: // BINGET
        return this.#recall(this.#bytes.byte());
      case 0x6a: // LONG_BINGET
        return this.#recall(this.#bytes.take(4).readUInt32LE());
      case 0x63: // GLOBAL
        return this.#global(this.#bytes.line(), this.#bytes.line());
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.#stack.popMany(2);
        if (typeof module !== 'string' || typeof name !== 'string') throw this.damaged('a class has no name');
        return this.#global(module, name);
      }
      case 0x51: // BINPERSID
        return this.#stack.push(this.#storage(this.#stack.pop()));
      case 0x52: // REDUCE
        return this.#reduce();
      case 0x81: // NEWOBJ
        return this.#instantiate();
      case 0x62: // BUILD
        return this.#build();
      default:
        throw this.damaged(`instruction 0x${opcode.toString(16).padStart(2, '0')} is not one that PyTorch writes`);
    }
  }

  #protocol(version: number): void {
    if (version < 2 || version > 5) throw this.damaged(`it has protocol ${version}, 1 to 5 are read`);
  }

  #global(module: string, name: string): void {
    const full = `${module}.${name}`;
    if (!isAllowed(full)) {
      throw unsupported(
        this.path,
        `names the Python object ${quoted(full)}, and nothing from a checkpoint is executed`,
        'Save only the weights in Python: torch.save(model.state_dict(), "weights.pt").',
      );
    }
    this.#stack.push(new Global(full));
  }

  #reduce(): void {
    const [callee, args] = this.#stack.popMany(2);
    if (!(callee instanceof Global) || !(args instanceof Tuple)) throw this.damaged('a call has no function');
    this.#pushContainer(construct(callee.name, args, this));
  }

  #instantiate(): void {
    const [type, args] = this.#stack.popMany(2);
    if (!(type instanceof Global) || !(args instanceof Tuple)) throw this.damaged('an object has no class');
    this.#pushContainer(instantiate(type.name, args, this));
  }

  /** Attributes of an object. Those of anything else, such as a state dict's `_metadata`, say nothing about weights. */
  #build(): void {
    const state = this.#stack.pop();
    const target = this.#stack.top();
    if (target instanceof PlainObject) target.state = state;
  }

  /** `('storage', class, key, device, length)`: the only persistent ids that PyTorch writes. */
  #storage(id: PickleValue): StorageRecord {
    const [kind, type, key, , length] = id instanceof Tuple ? id.items : [];
    const known = type instanceof Global ? storageType(type.name) : undefined;
    const sized = typeof length === 'number' && Number.isSafeInteger(length) && length >= 0;
    if (kind !== 'storage' || !known || typeof key !== 'string' || !sized)
      throw this.damaged('a storage is not described');
    return new StorageRecord(key, known.dtype, length);
  }

  #append(items: readonly PickleValue[]): void {
    const target = this.#stack.top();
    if (!Array.isArray(target)) throw this.damaged('something is appended to what is no list');
    for (const item of items) target.push(item);
  }

  #setItems(items: readonly PickleValue[]): void {
    const target = this.#stack.top();
    if (!(target instanceof Dict) || items.length % 2 !== 0) throw this.damaged('an entry is no part of a dict');
    for (let i = 0; i < items.length; i += 2) target.entries.set(items[i]!, items[i + 1]!);
  }

  #remember(index: number): void {
    this.#memo.set(index, this.#stack.top());
  }

  #recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.damaged(`value ${index} is used before it is made`);
    this.#stack.push(value);
  }

  #pushContainer(value: PickleValue): void {
    this.spend(containerSteps);
    this.#stack.push(value);
  }
}
