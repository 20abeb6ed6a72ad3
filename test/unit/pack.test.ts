import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import fs, {
  appendFile,
  mkdir,
  open,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import type { PackManifest } from '@clipcap/models/pack/manifest';
import { openPack, openPackAndMake } from '@clipcap/models/pack/openPack';
import { editJson, setAt } from '../json.js';
import { describeFiles, writeRandomPack } from '../randomPack.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { safetensorsBytes } from '../writeSafetensors.js';

async function rejectsWith(pack: string, code: string, message: RegExp): Promise<void> {
  await assert.rejects(openPack(pack), (error: Error & { code: string }) => {
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
}

test('a path that leads nowhere and ends with a model to download is told what makes a pack of it', async (t) => {
  const parent = await temporaryFolder(t);
  const none = (name: string, message: RegExp) => rejectsWith(join(parent, name), 'pack-missing', message);
  await none('clipcap-coco', /no model pack at .*clipcap-coco\. clipcap-coco is a model .* get it, then import it/u);
  await none('openai/clip-vit-base-patch32', /\. openai\/clip-vit-base-patch32 is a model/u);
  await none('clip-vit-base-patch32', /\. openai\/clip-vit-base-patch32 is a model/u);
  await none('my-clipcap-coco', /\. Check the folder; .* builtin\.$/u);
});

test('a whole pack opens with its manifest and the places of its tensors', async (t) => {
  const { folder, manifest } = await writeRandomPack(await temporaryFolder(t));
  const pack = await openPack(folder);
  assert.deepEqual(pack.manifest, manifest);
  assert.equal(pack.weights.tensors.get('gpt.transformer.h.1.attn.c_attn.weight')?.dtype, 'F32');
  assert.equal(pack.encoder, join(folder, 'encoder.onnx'));
});

test('a pack of 8-bit weights opens with a scale beside every matrix', async (t) => {
  const { folder } = await writeRandomPack(await temporaryFolder(t), { dtype: 'mixed' });
  const { weights } = await openPack(folder);
  assert.deepEqual(weights.tensors.get('gpt.transformer.wte.weight.scale')?.shape, [300, 1]);
});

test('a folder that is not there is a missing pack', async (t) => {
  await rejectsWith(join(await temporaryFolder(t), 'none'), 'pack-missing', /no model pack at .*none/);
});

test('a folder without pack.json is a missing pack', async (t) => {
  await rejectsWith(await temporaryFolder(t), 'pack-missing', /no readable pack\.json/);
});

for (const [what, call, message] of [
  ['folder', 'realpath', /^(?!.*pack\.json).* may not be read by you\. Change its permissions/u],
  ['pack.json', 'open', /pack\.json may not be read by you\. Change its permissions/u],
] as const) {
  test(`a ${what} that is closed to the user is said to be so`, async (t) => {
    const { folder } = await writeRandomPack(await temporaryFolder(t));
    // A fake of the file system's answer: whoever runs the tests may be allowed to read everything.
    const closed = Object.assign(new Error('permission denied'), { code: 'EACCES' });
    const reading = t.mock.method(fs, call, () => Promise.reject(closed));
    syncBuiltinESMExports();
    try {
      await rejectsWith(folder, 'pack-missing', message);
    } finally {
      reading.mock.restore();
      syncBuiltinESMExports();
    }
  });
}

test('a newer schema is refused before anything else is read', async (t) => {
  const { folder } = await writeRandomPack(await temporaryFolder(t));
  await writeFile(join(folder, 'pack.json'), '{"schema":2,"shape":"unknown"}');
  await rejectsWith(folder, 'pack-newer', /schema 2.*up to 1/);
});

test('a manifest of a megabyte is not parsed', async (t) => {
  const { folder } = await writeRandomPack(await temporaryFolder(t));
  await appendFile(join(folder, 'pack.json'), ' '.repeat(2 ** 20));
  await rejectsWith(
    folder,
    'pack-invalid',
    /at most 1048576 are read\. Import or download the pack again into a new folder\./,
  );
});

test('text that is not JSON is an invalid manifest', async (t) => {
  const { folder } = await writeRandomPack(await temporaryFolder(t));
  await writeFile(join(folder, 'pack.json'), '{');
  await rejectsWith(folder, 'pack-invalid', /pack\.json is not JSON\. .* into a new folder\.$/);
});

const invalidFields: readonly (readonly [keys: readonly string[], value: unknown])[] = [
  [['schema'], undefined],
  [['id'], ''],
  [['licence', 'notice'], undefined],
  [
    ['encoder', 'image', 'std'],
    [1, 0, 1],
  ],
  [['encoder', 'image', 'resize'], 'fit'],
  [['encoder', 'image', 'crop'], 'none'],
  [['encoder', 'file'], '../encoder.onnx'],
  [['encoder', 'file'], '/etc/passwd'],
  [['encoder', 'file'], '..'],
  [['encoder', 'file'], 'a\\b'],
  [['mapper', 'kind'], 'lstm'],
  [['mapper', 'prefixLength'], 40],
  [['languageModel', 'heads'], 3],
  [['languageModel', 'stopTokens'], [300]],
  [['languageModel', 'context'], 1e9],
  [['decoding', 'beams'], 0],
  [['files', 'weights.safetensors'], undefined],
  [['files', 'encoder.onnx'], undefined],
  [['files', 'tokenizer.json', 'sha256'], 'ABC'],
];

for (const [keys, value] of invalidFields) {
  const field = keys.join('.');
  test(`a manifest whose ${field} is ${JSON.stringify(value) ?? 'missing'} is refused naming it`, async (t) => {
    const { folder } = await writeRandomPack(await temporaryFolder(t));
    await editJson(join(folder, 'pack.json'), keys, value);
    await rejectsWith(
      folder,
      'pack-invalid',
      new RegExp(`pack\\.json is not a valid manifest: ${field.replaceAll('.', '\\.')}: .* into a new folder\\.$`),
    );
  });
}

test('a crop that leaves nothing to cut off is refused: stretching takes none', async (t) => {
  const { folder } = await writeRandomPack(await temporaryFolder(t));
  await editJson(join(folder, 'pack.json'), ['encoder', 'image', 'resize'], 'stretch');
  await rejectsWith(folder, 'pack-invalid', /encoder\.image\.crop: must be none after a stretch to size, else center/);
  await editJson(join(folder, 'pack.json'), ['encoder', 'image', 'crop'], 'none');
  assert.equal((await openPack(folder)).manifest.encoder.image.resize, 'stretch');
});

for (const [name, code] of [
  ['pack.json', 'pack-invalid'],
  ['tokenizer.json', 'pack-file-missing'],
] as const) {
  test(`a pipe in place of ${name} is refused, not waited for`, { skip: process.platform === 'win32' }, async (t) => {
    const { folder } = await writeRandomPack(await temporaryFolder(t));
    await rm(join(folder, name));
    execFileSync('mkfifo', [join(folder, name)]);
    await rejectsWith(folder, code, new RegExp(name));
  });
}

test('a listed file with a path for a name is refused', async (t) => {
  const { folder } = await writeRandomPack(await temporaryFolder(t));
  const outside = { size: 0, sha256: '0'.repeat(64) };
  await editJson(join(folder, 'pack.json'), ['files', '../outside'], outside);
  await rejectsWith(folder, 'pack-invalid', /\.\.\/outside/);
});

test('a link out of the folder is refused', async (t) => {
  const parent = await temporaryFolder(t);
  const { folder } = await writeRandomPack(join(parent, 'pack'));
  await rename(join(folder, 'tokenizer.json'), join(parent, 'tokenizer.json'));
  await symlink('../tokenizer.json', join(folder, 'tokenizer.json'));
  await rejectsWith(folder, 'pack-invalid', /tokenizer\.json is a link out of the pack/);
});

test('a folder whose name begins like the pack’s is outside of it', async (t) => {
  const parent = await temporaryFolder(t);
  const { folder } = await writeRandomPack(join(parent, 'pack'));
  await mkdir(join(parent, 'pack-other'));
  await rename(join(folder, 'tokenizer.json'), join(parent, 'pack-other', 'tokenizer.json'));
  await symlink('../pack-other/tokenizer.json', join(folder, 'tokenizer.json'));
  await rejectsWith(folder, 'pack-invalid', /is a link out/);
});

test('a pack may itself be reached through a link', async (t) => {
  const parent = await temporaryFolder(t);
  const { folder } = await writeRandomPack(join(parent, 'pack'));
  await symlink(folder, join(parent, 'link'));
  assert.equal((await openPack(join(parent, 'link'))).folder, folder);
});

test('a missing file is named', async (t) => {
  const { folder } = await writeRandomPack(await temporaryFolder(t));
  await rm(join(folder, 'encoder.onnx'));
  await rejectsWith(folder, 'pack-file-missing', /encoder\.onnx cannot be found/);
});

test('a folder in place of a file is a missing file', async (t) => {
  const { folder } = await writeRandomPack(await temporaryFolder(t));
  await rm(join(folder, 'encoder.onnx'));
  await mkdir(join(folder, 'encoder.onnx'));
  await rejectsWith(folder, 'pack-file-missing', /encoder\.onnx is not a file/);
});

test('a file of another size is a changed file', async (t) => {
  const { folder } = await writeRandomPack(await temporaryFolder(t));
  await appendFile(join(folder, 'tokenizer.json'), '\n');
  await rejectsWith(folder, 'pack-file-changed', /tokenizer\.json has \d+ bytes instead of \d+/);
});

test('one changed bit is found, also after the pack was verified once', async (t) => {
  const { folder } = await writeRandomPack(await temporaryFolder(t));
  await openPack(folder);
  const path = join(folder, 'weights.safetensors');
  const bytes = await readFile(path);
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(path, bytes);
  await utimes(path, 1, 1);
  await rejectsWith(folder, 'pack-file-changed', /weights\.safetensors differs.*SHA-256/);
});

test('a changed file is found although its size and time are what they were', async (t) => {
  const { folder } = await writeRandomPack(await temporaryFolder(t));
  const path = join(folder, 'weights.safetensors');
  await utimes(path, 1000, 1000);
  await openPack(folder);
  const bytes = await readFile(path);
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(path, bytes);
  await utimes(path, 1000, 1000);
  await rejectsWith(folder, 'pack-file-changed', /weights\.safetensors differs/);
});

/** By this process, from files and otherwise. */
const bytesReadSoFar = (): number => Number(/^rchar: (\d+)/u.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);

const uncounted = !existsSync('/proc/self/io') && 'this system does not count what a process reads';

test('what is unchanged since it was verified is not read again', { skip: uncounted }, async (t) => {
  const { folder } = await writeRandomPack(await temporaryFolder(t));
  const { size } = await stat(join(folder, 'weights.safetensors'));
  const whileOpening = async (): Promise<number> => {
    const before = bytesReadSoFar();
    await openPack(folder);
    return bytesReadSoFar() - before;
  };
  const [first, second] = [await whileOpening(), await whileOpening()];
  assert.ok(first - second >= size, `${first} bytes, then ${second}, of which ${size} are weights`);
});

test('what was made of large weights while they were hashed is discarded if they are wrong', async (t) => {
  const { folder, manifest } = await writeRandomPack(await temporaryFolder(t));
  const path = join(folder, 'weights.safetensors');
  // So large that another thread hashes it.
  await truncate(path, 2 ** 26 + 1);
  await describeFiles(folder, manifest);
  const discarded: string[] = [];
  const made = (): Promise<string> =>
    openPackAndMake(
      folder,
      ({ manifest: { id } }) => Promise.resolve(id),
      (id) => Promise.resolve(void discarded.push(id)),
    );
  assert.equal(await made(), 'random');
  assert.deepEqual(discarded, []);
  const file = await open(path, 'r+');
  await file.write(Buffer.of(1), 0, 1, 2 ** 26);
  await file.close();
  await assert.rejects(made(), { code: 'pack-file-changed' });
  assert.deepEqual(discarded, ['random']);
});

test('what cannot be made of wrong weights is reported as wrong weights', async (t) => {
  const { folder } = await writeRandomPack(await temporaryFolder(t));
  const path = join(folder, 'weights.safetensors');
  const bytes = await readFile(path);
  bytes[9]! ^= 1;
  await writeFile(path, bytes);
  await rejectsWith(folder, 'pack-file-changed', /weights\.safetensors differs/);
});

const wrongTensors: readonly (readonly [
  what: string,
  edit: (manifest: PackManifest) => PackManifest,
  message: RegExp,
])[] = [
  [
    'weights of another width',
    (m) => ({ ...m, languageModel: { ...m.languageModel, width: 32 } }),
    /"clip_project\.model\.2\.weight" has the shape \[48, 10\] \(F32\); pack\.json asks for \[96, 10\]/,
  ],
  [
    'fewer layers than the manifest says',
    (m) => ({ ...m, languageModel: { ...m.languageModel, layers: 3 } }),
    /"gpt\.transformer\.h\.2\.ln_1\.weight" is missing; pack\.json asks for \[16\]/,
  ],
  [
    'another embedding width',
    (m) => ({ ...m, encoder: { ...m.encoder, embeddingWidth: 512 } }),
    /"clip_project\.model\.0\.weight" has the shape \[10, 12\] \(F32\); pack\.json asks for \[10, 512\]/,
  ],
];

for (const [what, edit, message] of wrongTensors) {
  test(`a pack with ${what} is refused naming tensor and both shapes`, async (t) => {
    const { folder, manifest } = await writeRandomPack(await temporaryFolder(t));
    await writeFile(join(folder, 'pack.json'), JSON.stringify(edit(manifest)));
    await rejectsWith(folder, 'pack-tensor-mismatch', message);
  });
}

test('an 8-bit tensor without its scale is refused naming the scale', async (t) => {
  const { folder, manifest } = await writeRandomPack(await temporaryFolder(t), { dtype: 'mixed' });
  const path = join(folder, 'weights.safetensors');
  const bytes = await readFile(path);
  const end = 8 + Number(bytes.readBigUInt64LE());
  const header: unknown = JSON.parse(bytes.subarray(8, end).toString());
  assert.ok(typeof header === 'object' && header !== null);
  setAt(header, ['gpt.transformer.wte.weight.scale']);
  await writeFile(path, safetensorsBytes(header, bytes.subarray(end)));
  await describeFiles(folder, manifest);
  await rejectsWith(folder, 'pack-tensor-mismatch', /"gpt\.transformer\.wte\.weight\.scale" is missing/);
});
