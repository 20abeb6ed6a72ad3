/** Breaks a file in the ways in which files break, and in those in which people break them on purpose. */
import type { Random } from './random.js';

const numbers = [
  0n,
  1n,
  0x7fn,
  0xffn,
  0x7fffn,
  0xffffn,
  0x7fffffffn,
  0xffffffffn,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

type Mutation = (bytes: Buffer, random: Random, words: readonly Buffer[], others: readonly Buffer[]) => Buffer;

const mutations: readonly Mutation[] = [
  function flipBit(bytes, random) {
    const at = random.below(bytes.length);
    bytes[at] = bytes[at]! ^ (1 << random.below(8));
    return bytes;
  },
  function setByte(bytes, random) {
    bytes[random.below(bytes.length)] = random.below(256);
    return bytes;
  },
  function setNumber(bytes, random) {
    const number = Buffer.alloc(8);
    number.writeBigUInt64LE(random.pick(numbers));
    number.copy(bytes, random.below(bytes.length), 0, random.pick([1, 2, 4, 8]));
    return bytes;
  },
  function addToNumber(bytes, random) {
    if (bytes.length < 4) return bytes;
    const at = random.below(bytes.length - 3);
    bytes.writeUInt32LE((bytes.readUInt32LE(at) + random.below(65) - 32) >>> 0, at);
    return bytes;
  },
  function insertWord(bytes, random, words) {
    return insert(bytes, random.below(bytes.length), random.pick(words));
  },
  function overwriteWithWord(bytes, random, words) {
    random.pick(words).copy(bytes, random.below(bytes.length));
    return bytes;
  },
  function remove(bytes, random) {
    const [begin, end] = slice(bytes, random);
    return Buffer.concat([bytes.subarray(0, begin), bytes.subarray(end)]);
  },
  function repeat(bytes, random) {
    const [begin, end] = slice(bytes, random);
    const times = Math.min(1 + random.below(64), Math.ceil(4096 / (end - begin)));
    const repeated = Buffer.concat(Array.from({ length: times }, () => bytes.subarray(begin, end)));
    return insert(bytes, end, repeated);
  },
  function move(bytes, random) {
    const [begin, end] = slice(bytes, random);
    Buffer.from(bytes.subarray(begin, end)).copy(bytes, random.below(bytes.length));
    return bytes;
  },
  function cut(bytes, random) {
    return bytes.subarray(0, random.below(bytes.length));
  },
  function splice(bytes, random, _, others) {
    const other = random.pick(others);
    return Buffer.concat([bytes.subarray(0, random.below(bytes.length)), other.subarray(random.below(other.length))]);
  },
];

/**
 * A broken copy of `seed`.
 * @param words what the format is made of
 * @param others files to splice with
 */
export function mutate(seed: Buffer, random: Random, words: readonly Buffer[], others: readonly Buffer[]): Buffer {
  let bytes: Buffer = Buffer.from(seed);
  for (let left = 1 + random.below(random.pick([1, 4, 12])); left > 0 && bytes.length > 0; left--) {
    bytes = random.pick(mutations)(bytes, random, words, others);
  }
  return bytes;
}

function slice(bytes: Buffer, random: Random): [number, number] {
  const begin = random.below(bytes.length);
  return [begin, Math.min(bytes.length, begin + 1 + random.below(random.pick([4, 32, 512])))];
}

function insert(bytes: Buffer, at: number, piece: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
}
