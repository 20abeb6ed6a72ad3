import assert from 'node:assert/strict';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Checkpoint, ReadOptions } from '@clipcap/models/checkpoints/checkpoint';
import { openCheckpoint } from '@clipcap/models/checkpoints/openCheckpoint';
import { CaptionError } from '@clipcap/protocol/error';
import { readJson } from '../json.js';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { safetensorsBytes } from '../writeSafetensors.js';

interface Expected {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

const checkpoints = (name: string): string => fixture(join('checkpoints', name));

const expected = await readJson<Readonly<Record<string, Readonly<Record<string, Expected>>>>>(
  checkpoints('expected.json'),
);

async function open(path: string): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(path);
  assert.ok(checkpoint.format !== 'onnx');
  return checkpoint;
}

async function valuesOf(checkpoint: Checkpoint, name: string, options?: ReadOptions): Promise<number[]> {
  const values: number[] = [];
  for await (const piece of checkpoint.read(name, options)) values.push(...piece);
  return values;
}

for (const [name, tensors] of Object.entries(expected)) {
  test(`${name}: every tensor has the name, type, shape and values that PyTorch saved`, async () => {
    const checkpoint = await open(checkpoints(name));
    assert.deepEqual([...checkpoint.names()].sort(), Object.keys(tensors).sort());
    for (const [tensor, { dtype, shape, values }] of Object.entries(tensors)) {
      const info = checkpoint.tensor(tensor);
      assert.deepEqual({ dtype: info?.dtype, shape: info?.shape }, { dtype, shape }, tensor);
      assert.deepEqual(await valuesOf(checkpoint, tensor), values.map(Math.fround), tensor);
    }
    await checkpoint.close();
  });
}

test('tied tensors have one identity, other views of the same storage their own', async () => {
  const checkpoint = await open(checkpoints('views.pt'));
  const identity = (name: string): string => checkpoint.tensor(name)!.identity;
  assert.equal(identity('gpt.transformer.wte.weight'), identity('gpt.lm_head.weight'));
  assert.notEqual(identity('base'), identity('transposed'));
  assert.notEqual(identity('base'), identity('inner'));
  await checkpoint.close();
});

test('a matrix is read column by column on request', async () => {
  const checkpoint = await open(checkpoints('views.pt'));
  assert.deepEqual(await valuesOf(checkpoint, 'base', { transposed: true }), await valuesOf(checkpoint, 'transposed'));
  assert.deepEqual(await valuesOf(checkpoint, 'transposed', { transposed: true }), await valuesOf(checkpoint, 'base'));
  await checkpoint.close();
});

test('a large tensor comes in pieces of whole rows, in both directions', async (t) => {
  const [rows, columns] = [3000, 1001];
  const values = Float32Array.from({ length: rows * columns }, (_, index) => index);
  const header = { a: { dtype: 'F32', shape: [rows, columns], data_offsets: [0, values.byteLength] } };
  const path = join(await temporaryFolder(t), 'large.safetensors');
  await writeFile(path, safetensorsBytes(header, new Uint8Array(values.buffer)));
  const checkpoint = await open(path);
  for (const [transposed, row] of [
    [false, columns],
    [true, rows],
  ] as const) {
    let at = 0;
    for await (const piece of checkpoint.read('a', { transposed })) {
      assert.equal(piece.length % row, 0);
      assert.ok(piece.byteLength <= 4 * 2 ** 20);
      const wrong = piece.findIndex((value, index) => {
        const [i, j] = [Math.floor((at + index) / row), (at + index) % row];
        return value !== (transposed ? j * columns + i : i * columns + j);
      });
      assert.equal(wrong, -1);
      at += piece.length;
    }
    assert.equal(at, rows * columns);
  }
  await checkpoint.close();
});

test('halves of every bit pattern widen as IEEE 754 says', async (t) => {
  const bits = Uint16Array.from({ length: 0x10000 }, (_, index) => index);
  const header = {
    half: { dtype: 'F16', shape: [0x10000], data_offsets: [0, 0x20000] },
    brain: { dtype: 'BF16', shape: [0x10000], data_offsets: [0x20000, 0x40000] },
  };
  const path = join(await temporaryFolder(t), 'halves.safetensors');
  await writeFile(
    path,
    safetensorsBytes(header, Buffer.concat([new Uint8Array(bits.buffer), new Uint8Array(bits.buffer)])),
  );
  const checkpoint = await open(path);
  const half = await valuesOf(checkpoint, 'half');
  for (const [pattern, value] of [
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3c00, 1],
    [0x3555, 0.333251953125],
    [0x7bff, 65504],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
    [0x8000, -0],
    [0x7e00, NaN],
  ] as const) {
    assert.ok(Object.is(half[pattern], value), pattern.toString(16));
  }
  const floats = new Float32Array(Uint32Array.from(bits, (pattern) => pattern << 16).buffer);
  assert.deepEqual(await valuesOf(checkpoint, 'brain'), [...floats]);
  await checkpoint.close();
});

test('a TorchScript archive says that it is one', async () => {
  for (const [name, format] of [
    ['traced.pt', 'torchscript'],
    ['state_dict.pt', 'pytorch'],
    ['types.safetensors', 'safetensors'],
    ['hf_bin_sharded', 'huggingface'],
  ] as const) {
    const checkpoint = await open(checkpoints(name));
    assert.equal(checkpoint.format, format);
    await checkpoint.close();
  }
});

test('a Hugging Face folder comes with its configuration', async () => {
  const checkpoint = await open(checkpoints('hf'));
  assert.deepEqual(checkpoint.config, { model_type: 'clip_vision_model', hidden_size: 4 });
  await checkpoint.close();
});

test('an ONNX encoder is known by its inputs and outputs, weights among the inputs left out', async () => {
  const values = {
    inputs: [{ name: 'pixel_values', elementType: 1, shape: ['batch', 3, 4, 4] }],
    outputs: [{ name: 'image_embeds', elementType: 1, shape: ['batch', 5] }],
  };
  const whole = { format: 'onnx', path: checkpoints('encoder.onnx'), ...values, externalData: false };
  assert.deepEqual(await openCheckpoint(checkpoints('encoder.onnx')), whole);
  const old = { format: 'onnx', path: checkpoints('encoder_ir3.onnx'), ...values, externalData: true };
  assert.deepEqual(await openCheckpoint(checkpoints('encoder_ir3.onnx')), old);
});

async function refuses(path: string, code: string, message: RegExp): Promise<void> {
  await assert.rejects(openCheckpoint(path), (error: unknown) => {
    assert.ok(error instanceof CaptionError, String(error));
    assert.match(error.message, message);
    assert.equal(error.code, code);
    return true;
  });
}

for (const [name, code, message] of [
  ['legacy.pt', 'checkpoint-unsupported', /before 1\.6.*Save it again with a newer PyTorch: python -c/],
  ['whole_model.pt', 'checkpoint-unsupported', /"[a-z_]+\.Clip".*torch\.save\(model\.state_dict\(\)/],
  ['hostile.pt', 'checkpoint-unsupported', /"(posix|nt)\.system", and nothing from a checkpoint is executed/],
  ['complex.pt', 'checkpoint-unsupported', /ComplexFloatStorage/],
  ['no_tensors.pt', 'checkpoint-unsupported', /holds no tensors/],
  ['compressed.pt', 'checkpoint-unsupported', /has compressed its record/],
  ['no_record.pt', 'checkpoint-invalid', /in record "0", which is missing/],
  ['no_pickle.pt', 'checkpoint-unsupported', /none that PyTorch 1\.6 or later has saved/],
  ['nothing.pt', 'checkpoint-missing', /Check the path/],
] as const) {
  test(`${name} is refused with the reason`, () => refuses(checkpoints(name), code, message));
}

for (const [what, content, code, message] of [
  ['an empty file', '', 'checkpoint-invalid', /it is empty/],
  ['a pointer of git lfs', 'version https://git-lfs.github.com/spec/v1\n', 'checkpoint-unsupported', /git lfs pull/],
  ['a web page', '<!DOCTYPE html><title>Sign in', 'checkpoint-unsupported', /is a web page/],
  ['a tar archive', `${'a'.repeat(257)}ustar`, 'checkpoint-unsupported', /tar archive/],
  ['a cut archive', 'PK\u0003\u0004', 'checkpoint-invalid', /cut off/],
] as const) {
  test(`${what} is refused with the reason, whatever it is called`, async (t) => {
    for (const name of ['weights.pt', 'model.safetensors']) {
      const path = join(await temporaryFolder(t), name);
      await writeFile(path, content);
      await refuses(path, code, message);
    }
  });
}

for (const [name, code, message] of [
  ['weights.pt', 'checkpoint-unsupported', /of no kind that is known/],
  ['model.safetensors', 'checkpoint-invalid', /its header claims \d+ bytes/],
] as const) {
  test(`text called ${name} is refused with the reason`, async (t) => {
    const path = join(await temporaryFolder(t), name);
    await writeFile(path, 'weights, honestly');
    await refuses(path, code, message);
  });
}

test('a shard outside of its folder is refused, by name or by link', async (t) => {
  const parent = await temporaryFolder(t);
  const folder = join(parent, 'model');
  await mkdir(folder);
  await cp(checkpoints('hf/model.safetensors'), join(parent, 'outside.safetensors'));
  await writeFile(
    join(folder, 'model.safetensors.index.json'),
    '{"weight_map": {"logit_scale": "../outside.safetensors"}}',
  );
  await refuses(folder, 'checkpoint-invalid', /"weight_map\.logit_scale": must be the plain name/);
  await symlink('../outside.safetensors', join(folder, 'model.safetensors'));
  await refuses(folder, 'checkpoint-invalid', /is a link out of its folder/);
});

test('links of the hub’s cache from a snapshot to its blobs are followed', async (t) => {
  const cache = await temporaryFolder(t);
  const snapshot = join(cache, 'snapshots', 'abc');
  await mkdir(snapshot, { recursive: true });
  await mkdir(join(cache, 'blobs'));
  await cp(checkpoints('hf/model.safetensors'), join(cache, 'blobs', '0123'));
  await symlink('../../blobs/0123', join(snapshot, 'model.safetensors'));
  const checkpoint = await open(snapshot);
  assert.ok(checkpoint.names().includes('logit_scale'));
  await checkpoint.close();
});

test('an index that names a tensor which its shard lacks is refused', async (t) => {
  const folder = await temporaryFolder(t);
  await cp(checkpoints('hf/model.safetensors'), join(folder, 'a.safetensors'));
  await writeFile(join(folder, 'model.safetensors.index.json'), '{"weight_map": {"other": "a.safetensors"}}');
  await refuses(folder, 'checkpoint-invalid', /a\.safetensors does not have the tensor "other"/);
});
