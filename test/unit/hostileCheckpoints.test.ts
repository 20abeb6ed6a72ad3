import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkpointOf } from '@clipcap/models/checkpoints/checkpoint';
import { CheckpointFile } from '@clipcap/models/checkpoints/checkpointFile';
import { readJson } from '@clipcap/models/checkpoints/huggingFace';
import { readOnnx } from '@clipcap/models/checkpoints/onnx';
import { readPickle } from '@clipcap/models/checkpoints/pickle';
import { readTensors } from '@clipcap/models/checkpoints/readTensors';
import { readView } from '@clipcap/models/checkpoints/tensorView';
import { readZip } from '@clipcap/models/checkpoints/zip';
import { memoryFile } from '../fuzz/memoryFile.js';
import { storedZip } from '../fuzz/storedZip.js';
import { safetensorsBytes } from '../writeSafetensors.js';

type Records = readonly (readonly [string, Buffer])[];

const some = Buffer.from('bytes');

function code(expected: string, message: RegExp): (error: Error & { code: string }) => boolean {
  return (error) => {
    assert.match(error.message, message);
    assert.equal(error.code, expected);
    return true;
  };
}

const invalid = (message: RegExp): ReturnType<typeof code> => code('checkpoint-invalid', message);

/** A pickle of protocol 2 around `body`, which is in latin1. */
function pickle(body: string): Buffer {
  return Buffer.from(`\x80\x02${body}.`, 'latin1');
}

function text(value: string): string {
  return `\x8c${String.fromCodePoint(value.length)}${value}`;
}

function number(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return `\x8a\x08${bytes.toString('latin1')}`;
}

/** A float32 tensor over the record `0`, which holds `stored` elements. */
function tensor(stored: number, offset: number, shape: readonly number[], strides: readonly number[]): string {
  const tuple = (sizes: readonly number[]): string => `(${sizes.map(number).join('')}t`;
  const storage = `(${text('storage')}ctorch\nFloatStorage\n${text('0')}${text('cpu')}${number(stored)}tQ`;
  return `ctorch._utils\n_rebuild_tensor_v2\n(${storage}${number(offset)}${tuple(shape)}${tuple(strides)}\x89NtR`;
}

/** A state dict of one tensor `a`, in an archive whose record `0` has four float32. */
function archive(body: string, data: Buffer = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer)): CheckpointFile {
  return memoryFile(
    storedZip([
      ['weights/data.pkl', pickle(body)],
      ['weights/data/0', data],
    ]),
  );
}

async function values(file: CheckpointFile): Promise<number[]> {
  const { tensors } = await readTensors(file);
  const found: number[] = [];
  for (const [name, view] of tensors) for await (const piece of readView(name, view)) found.push(...piece);
  return found;
}

test('a reader gets no more memory than four times its file’s length', () => {
  const file = memoryFile(Buffer.alloc(100));
  assert.equal(file.allocate(400).byteLength, 400);
  for (const bytes of [401, -1, 0.5, NaN, Infinity, 2 ** 53]) {
    assert.throws(() => file.allocate(bytes), invalid(/asks for .* bytes of memory and has only 100 itself/));
  }
});

test('a file that shrinks while it is read is an error, not an endless loop', async () => {
  const file = new CheckpointFile('weights.pt', 100, {
    read: (into, position) => Promise.resolve(Math.min(into.length, Math.max(0, 50 - position))),
    close: () => Promise.resolve(),
  });
  await assert.rejects(file.read(10, 60), invalid(/it ends at byte 50, while it was being read/));
});

test('an archive with zip64 fields reads like one without', async () => {
  const records: Records = [
    ['a/x', some],
    ['a/y', Buffer.from('other')],
  ];
  for (const zip64 of [false, true]) {
    const bytes = storedZip(records, { zip64 });
    const entries = await readZip(memoryFile(bytes));
    const contents = [...entries].map(([name, { offset, length }]) => [name, bytes.subarray(offset, offset + length)]);
    assert.deepEqual(contents, records);
  }
});

for (const name of ['../a', 'a/../b', '/a', 'C:/a', 'a\\b', 'a\0b', './a', '']) {
  test(`a record named ${JSON.stringify(name)} is refused`, async () => {
    await assert.rejects(readZip(memoryFile(storedZip([[name, some]]))), invalid(/leads out of the archive/));
  });
}

test('an archive with two records of one name is refused', async () => {
  const bytes = storedZip([
    ['a', some],
    ['a', some],
  ]);
  await assert.rejects(readZip(memoryFile(bytes)), invalid(/two records "a"/));
});

test('records that share bytes are refused', async () => {
  const bytes = storedZip([
    ['a', some],
    ['b', some],
  ]);
  // The first record is said to be longer than it is, in both of its sizes.
  const entry = bytes.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
  bytes.writeUInt32LE(20, entry + 20);
  bytes.writeUInt32LE(20, entry + 24);
  await assert.rejects(readZip(memoryFile(bytes)), invalid(/"a" and "b" overlap/));
  bytes.writeUInt32LE(20_000, entry + 20);
  bytes.writeUInt32LE(20_000, entry + 24);
  await assert.rejects(readZip(memoryFile(bytes)), invalid(/"a" ends at byte 20031 of/));
});

test('a directory that claims more records than it has bytes for is refused before it is read', async () => {
  const bytes = storedZip([['a', some]]);
  bytes.writeUInt16LE(16_000, bytes.length - 12);
  await assert.rejects(readZip(memoryFile(bytes)), invalid(/claims 16000 records in a directory of/));
});

test('a tensor is what its offset, shape and strides say', async () => {
  assert.deepEqual(await values(archive(`}${text('a')}${tensor(4, 1, [3], [1])}s`)), [2, 3, 4]);
  assert.deepEqual(await values(archive(`}${text('a')}${tensor(4, 0, [2, 2], [1, 2])}s`)), [1, 3, 2, 4]);
});

for (const [what, body, message] of [
  ['reaches out of its storage', tensor(4, 2, [3], [1]), /reaches to element 4 of a storage of 4/],
  ['strides out of its storage', tensor(4, 0, [2], [2 ** 40]), /reaches to element/],
  ['has more elements than a number can count', tensor(4, 0, [2 ** 50, 2 ** 50], [0, 0]), /has the shape/],
  ['has a storage larger than its record', tensor(5, 0, [1], [1]), /has 16 bytes instead of 20/],
  ['has a negative size', tensor(4, 0, [-1], [1]), /shape or stride is no size/],
  ['has fewer strides than dimensions', tensor(4, 0, [2, 2], [1]), /differ in length/],
  ['repeats its values beyond the file’s length', tensor(4, 0, [2 ** 40], [0]), /repeats its values/],
] as const) {
  test(`a tensor that ${what} is refused`, async () => {
    await assert.rejects(values(archive(`}${text('a')}${body}s`)), invalid(message));
  });
}

test('a dict that contains itself is refused', async () => {
  await assert.rejects(values(archive(`}q\0${text('a')}h\0s`)), invalid(/contain each other/));
});

test('a tree of dicts that doubles with every level is refused, not walked', async () => {
  let body = tensor(4, 0, [1], [1]);
  for (let level = 0; level < 50; level++) body = `}q\0(${text('a')}${body}q\x01${text('b')}h\x01u`;
  await assert.rejects(values(archive(body)), invalid(/contain each other/));
});

for (const name of [
  'os\nsystem',
  'builtins\neval',
  '__builtin__\ngetattr',
  'torch\nload',
  'torch.serialization\n_load',
  '\n',
]) {
  test(`the name ${JSON.stringify(name)} is refused before anything is called with it`, () => {
    const [module, attribute] = name.split('\n');
    const unsupported = code('checkpoint-unsupported', /nothing from a checkpoint is executed/);
    assert.throws(() => readPickle(pickle(`c${name}\n`), 'a.pt'), unsupported);
    assert.throws(() => readPickle(pickle(`${text(module!)}${text(attribute!)}\x93`), 'a.pt'), unsupported);
  });
}

/** What PyTorch writes for a tensor with attributes, which is made by calling `callee`. */
function attributed(callee: string): string {
  return `ctorch._tensor\n_rebuild_from_type_v2\n(c${callee}\nctorch\nTensor\n)}tR`;
}

for (const [what, bytes, message] of [
  ['that is cut off', Buffer.from('\x80\x02}', 'latin1'), /it is cut off/],
  ['whose text is longer than the file', pickle('X\xff\xff\xff\x7f'), /it is cut off/],
  ['of protocol 0', Buffer.from("(dp0\nS'a'\n."), /instruction 0x70/],
  ['of a protocol to come', Buffer.from('\x80\x06N.', 'latin1'), /protocol 6, 1 to 5 are read/],
  ['that uses a value before it is made', pickle('h\x05'), /value 5 is used before/],
  ['that opens marks without end', pickle('('.repeat(2000)), /nested too deep/],
  ['with a number of a kilobyte', pickle(`\x8b\0\x04\0\0${'a'.repeat(1024)}`), /a number has 1024 bytes/],
  ['with a number as text that is none', Buffer.from('I0x7f\n.'), /a number is none/],
  ['with a number of a thousand digits', Buffer.from(`L${'9'.repeat(1000)}L\n.`), /a number is none/],
  ['whose tensor with attributes is another call', pickle(attributed('collections\nOrderedDict')), /has no tensor/],
  [
    'whose tensors with attributes are nested',
    pickle(attributed('torch._tensor\n_rebuild_from_type_v2')),
    /has no tensor/,
  ],
  ['that calls a type', pickle('cbuiltins\nint\n)R'), /"builtins\.int" cannot be called/],
  ['that calls text', pickle(`${text('a')})R`), /a call has no function/],
] as const) {
  test(`a pickle ${what} is refused`, () => {
    assert.throws(() => readPickle(bytes, 'a.pt'), invalid(message));
  });
}

test('a safetensors file with a tensor of a type that is not read is not called damaged', async () => {
  const file = safetensorsBytes({ a: { dtype: 'F8_E4M3', shape: [4], data_offsets: [0, 4] } }, new Uint8Array(4));
  const message = /"a", a tensor of type "F8_E4M3", which is not read\. Convert it/;
  await assert.rejects(readTensors(memoryFile(file)), code('checkpoint-unsupported', message));
});

test('a shape that repeats its values beyond the file’s length is told to nobody', async () => {
  const file = archive(`}${text('a')}${tensor(4, 0, [2 ** 40], [0])}s`);
  const checkpoint = checkpointOf({ ...(await readTensors(file)), path: file.path, files: [file] });
  assert.throws(() => checkpoint.tensor('a'), invalid(/tensor "a" repeats its values to 1099511627776/));
});

for (const [depth, is] of [
  [64, 'read'],
  [65, 'refused'],
] as const) {
  test(`a configuration nested ${depth} deep is ${is}`, async () => {
    const file = memoryFile(Buffer.from('['.repeat(depth) + ']'.repeat(depth)), 'config.json');
    if (is === 'read') assert.ok(Array.isArray(await readJson(file, 1000)));
    else await assert.rejects(readJson(file, 1000), invalid(/config\.json.*nested more than 64 levels/));
  });
}

test('a pickle that copies one long list many times is stopped', () => {
  const pairs = `](${`(${text('a')}Nt`.repeat(1000)}eq\0`;
  const copies = 'ccollections\nOrderedDict\n(h\0tR0'.repeat(3000);
  assert.throws(() => readPickle(pickle(`${pairs}${copies}`), 'a.pt'), invalid(/more than 2000000 instructions/));
});

test('a pickle of a million empty dicts is stopped', () => {
  assert.throws(() => readPickle(pickle('}'.repeat(1_000_000)), 'a.pt'), invalid(/more than 2000000 instructions/));
});

test('an ONNX model whose fields are longer than the file is refused', async () => {
  const bytes = Buffer.from([0x08, 0x08, 0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f]);
  await assert.rejects(readOnnx(memoryFile(bytes)), invalid(/field 7 at byte 2 is cut off/));
});

test('an ONNX model’s description of an input is not read when it is too long', async () => {
  const input = Buffer.alloc(70_000);
  const head = Buffer.from([0x3a, 0xf4, 0xa2, 0x04, 0x5a, 0xf0, 0xa2, 0x04]);
  await assert.rejects(readOnnx(memoryFile(Buffer.concat([head, input]))), invalid(/has 70000 bytes/));
});
