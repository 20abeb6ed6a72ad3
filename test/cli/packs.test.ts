/** Packs that are broken in their own ways, as the command line and the inference process meet them. */
import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { CaptionError } from '@clipcap/protocol/error';
import { priorities } from '@clipcap/protocol/inference';
import { InferenceProcess } from '@clipcap/server/process/inferenceProcess';
import { describeFiles, writeRandomPack } from '../randomPack.js';
import { fixture, root } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { captioned, clipcap, failure, type Finished, outcome, runModule } from './clipcap.js';

const photo = fixture('photos/moon.jpg');

async function foreign(folder: string): Promise<void> {
  await mkdir(folder);
  await writeFile(
    join(folder, 'pack.json'),
    JSON.stringify({ name: 'left-pad', version: '1.3.0', files: ['index.js'] }),
  );
}

async function incomplete(folder: string): Promise<void> {
  await writeRandomPack(folder);
  await rm(join(folder, 'weights.safetensors'));
}

/** The hashes are right, the mapper is one for another encoder. */
async function mismatched(folder: string): Promise<void> {
  const { manifest } = await writeRandomPack(folder);
  await describeFiles(folder, { ...manifest, encoder: { ...manifest.encoder, embeddingWidth: 13 } });
}

const broken = [
  ['a foreign pack.json', foreign, 'pack-invalid', /pack\.json is not a valid manifest/u],
  ['a missing file', incomplete, 'pack-file-missing', /weights\.safetensors cannot be found/u],
  ['wrong tensor shapes', mismatched, 'pack-tensor-mismatch', /tensor ".+" has the shape .*pack\.json asks for \[/u],
] as const;

for (const [what, make, code, message] of broken) {
  test(`a pack with ${what} fails the run with ${code} and exit code 3`, async (context) => {
    const folder = join(await temporaryFolder(context), 'pack');
    await make(folder);
    const { code: exitCode, stdout, stderr } = await clipcap(['caption', '--json', '--model', folder, photo]);
    assert.equal(exitCode, 3);
    const error = failure(stdout);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.ok(error.message.includes(folder), 'the message names the file');
    assert.equal(stderr, `${error.message}\n`);
  });
}

function inference(context: TestContext): InferenceProcess {
  const entry = join(root, 'dist', 'inference.mjs');
  const started = new InferenceProcess({ entry, idleMilliseconds: Infinity, log: () => undefined });
  context.after(() => started.dispose());
  return started;
}

test('after a pack that cannot be loaded the same process captions with one that can', async (context) => {
  const parent = await temporaryFolder(context);
  const [bad, good] = [join(parent, 'bad'), join(parent, 'good')];
  await mismatched(bad);
  await writeRandomPack(good, { id: 'good' });
  const process = inference(context);
  const ended: string[] = [];
  process.onState(({ state }) => ended.push(state));
  const image = { bytes: await readFile(photo), name: 'moon.jpg', sha256: 'moon', priority: priorities.command };
  const ask = (model: string) => process.caption({ ...image, model, provider: 'cpu', options: {} });
  await assert.rejects(ask(bad), (error) => error instanceof CaptionError && error.code === 'pack-tensor-mismatch');
  const { model, image: result } = await ask(good);
  assert.equal(model.id, 'good');
  assert.equal(result.captions.length, 1);
  assert.ok(!ended.includes('idle'), 'no process ended in between');
});

/** The command line with an inference process that cannot start, unless CLIPCAP_TEST_REPAIRED names a file. */
function withBrokenProcess(photos: readonly string[], folder = '.', repaired = ''): Promise<Finished> {
  const module = `
    import { caption } from '@clipcap/server/cli/caption';
    import { parseCommandLine } from '@clipcap/server/cli/commandLine';
    const [inference, folder, ...args] = process.argv.slice(1);
    process.chdir(folder);
    process.exitCode = await caption(parseCommandLine(args).request, { inference, builtin: '/no/pack' });`;
  const entry = fixture('processes/broken.mjs');
  const args = [entry, folder, 'caption', '--json', ...photos];
  return runModule(module, args, { CLIPCAP_TEST_REPAIRED: repaired });
}

test('what the inference process said last is shown when it fails: the command line has no log', async () => {
  const { code, stdout, stderr } = await withBrokenProcess([photo]);
  assert.equal(code, 3, stderr);
  assert.equal(failure(stdout).code, 'inference-down');
  assert.match(stderr, /^Error: the runtime is missing$/mu);
});

test('what was captioned before the process stayed down is printed; the rest says why it is not', async (context) => {
  const folder = await temporaryFolder(context);
  // The stand-in does what a path's first word says.
  const names = ['a.png', 'break it.png', 'hold on.png'];
  for (const name of names) await writeFile(join(folder, name), name);
  const repaired = join(folder, 'repaired');
  await writeFile(repaired, '');
  const { code, stdout, stderr } = await withBrokenProcess(names, folder, repaired);
  assert.equal(code, 1, stderr);
  assert.deepEqual(captioned(stdout).images.map(outcome), ['a.png', 'inference-down', 'inference-down']);
  assert.match(stderr, /^Error: the runtime is missing$/mu);
});
