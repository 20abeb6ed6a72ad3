/** The command line as a process: what happens to its inference process, to signals and to broken pipes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { writePng } from '../writePng.js';
import { captioned, failure, finish, outcome, start } from './clipcap.js';

const photos = fixture('photos');
const linux = process.platform === 'linux' ? {} : { skip: 'needs /proc or /dev/full, which only Linux has' };

/** The processes that a process started. */
async function childrenOf(processId: number): Promise<number[]> {
  const list = await readFile(`/proc/${processId}/task/${processId}/children`, 'utf8').catch(() => '');
  return list.split(' ').filter(Boolean).map(Number);
}

/** The inference process of a command line, once it is there. */
async function inferenceOf(processId: number): Promise<number> {
  for (;;) {
    const [child] = await childrenOf(processId);
    if (child !== undefined) return child;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function isAlive(processId: number): Promise<boolean> {
  return (await readdir('/proc')).includes(String(processId));
}

test('kill -9 of the inference process in the middle of a batch loses no image', linux, async (context) => {
  const folder = await temporaryFolder(context);
  const names = Array.from({ length: 30 }, (_, i) => `${String(i).padStart(2, '0')}.png`);
  for (const [i, name] of names.entries()) {
    const samples = Array.from({ length: 300 }, (__, at) => (at * i) % 256);
    await writeFile(join(folder, name), writePng({ width: 10, height: 10, depth: 8, colour: 'rgb', samples }));
  }
  // Captions are printed as soon as they are known: after the first, the batch is under way.
  const run = start(['caption', ...names], { cwd: folder });
  let killed = 0;
  run.stdout?.once('data', () => {
    void (async () => {
      killed = await inferenceOf(run.pid!);
      process.kill(killed, 'SIGKILL');
    })();
  });
  const { code, stdout, stderr } = await finish(run);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stderr, /ended unexpectedly \(SIGKILL\); it is started again/u);
  assert.ok(killed > 0);
  assert.deepEqual(
    stdout.split('\n').filter((line) => line.endsWith('.png')),
    names,
  );
});

test('Ctrl-C ends the run and the inference process', linux, async () => {
  const run = start(['caption', photos]);
  const inference = await inferenceOf(run.pid!);
  const finished = finish(run);
  await new Promise((resolve) => setTimeout(resolve, 200));
  run.kill('SIGINT');
  const { code } = await finished;
  assert.equal(code, 130);
  assert.equal(await isAlive(inference), false);
});

test('the inference process ends when the command line is killed', linux, async () => {
  const run = start(['caption', photos]);
  const inference = await inferenceOf(run.pid!);
  run.kill('SIGKILL');
  await once(run, 'close');
  while (await isAlive(inference)) await new Promise((resolve) => setTimeout(resolve, 10));
});

test('a reader that leaves early is no failure', async () => {
  const run = start(['caption', 'moon.jpg', 'grass.jpg'], { cwd: photos });
  run.stdout?.once('data', () => run.stdout?.destroy());
  await once(run, 'exit');
  assert.equal(run.exitCode, 0);
});

test('an output that nobody can write ends the run with one line and exit code 3', linux, async () => {
  const full = await open('/dev/full', 'w');
  try {
    for (const args of [['--json', 'moon.jpg'], ['moon.jpg']]) {
      const run = start(['caption', ...args], { cwd: photos, stdio: ['ignore', full.fd, 'pipe'] });
      const { code, stderr } = await finish(run);
      assert.equal(code, 3, stderr);
      assert.equal(stderr, 'The output cannot be written (the disk is full). Send it where there is room.\n');
    }
  } finally {
    await full.close();
  }
});

test('messages that nobody can write change nothing', linux, async () => {
  const full = await open('/dev/full', 'w');
  try {
    const args = ['import', fixture('import/mlp.pt'), '--encoder', photos, '--json', '--out', 'nowhere'];
    const run = start(args, { stdio: ['ignore', 'pipe', full.fd] });
    const { code, stdout } = await finish(run);
    assert.equal(code, 3);
    assert.equal(failure(stdout).code, 'checkpoint-unsupported');
  } finally {
    await full.close();
  }
});

test('many images come in the order of their names', async () => {
  const { stdout } = await finish(start(['caption', '--json', '.'], { cwd: photos }));
  const names = (await readdir(photos)).toSorted();
  const { images } = captioned(stdout);
  assert.deepEqual(
    images.map(({ path }) => path),
    names.map((name) => `./${name}`),
  );
  assert.ok(images.every((image) => outcome(image).length > 0 && !('error' in image)));
});
