/** What imports leave that are killed, and what the next import to the same place makes of it. */
import assert from 'node:assert/strict';
import { cp, mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { owner } from '@clipcap/models/owner';
import { openPack } from '@clipcap/models/pack/openPack';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { withValue } from '../withValue.js';
import { clipcap, finish, start } from './clipcap.js';

const files = (name: string): string => fixture(`import/${name}`);

function command(out: string, id: string, checkpoint = files('mlp.pt')): string[] {
  return ['import', checkpoint, '--encoder', files('clip-hf'), '--out', out, '--no-check', '--id', id];
}

async function imported(out: string, id: string): Promise<void> {
  const { code, stderr } = await clipcap(command(out, id));
  assert.equal(code, 0, stderr);
}

async function idOf(out: string): Promise<string> {
  return (await openPack(out)).manifest.id;
}

/** A name as an import's that was killed gives to the folder that it writes. */
async function killedName(): Promise<string> {
  const ended = start(['--version']);
  await finish(ended);
  return `.pack-${owner.split('-')[0]}-${ended.pid}-aB3xYz`;
}

/** The folder of a pack with the id `old`. */
async function packIn(t: TestContext): Promise<{ folder: string; out: string }> {
  const folder = await temporaryFolder(t);
  const out = join(folder, 'pack');
  await imported(out, 'old');
  return { folder, out };
}

test('what an import leaves that is killed, the next one to the same place removes', async (t) => {
  const folder = await temporaryFolder(t);
  const out = join(folder, 'pack');
  // Its self-check leaves the time to kill it.
  const child = start(command(out, 'killed').filter((word) => word !== '--no-check'));
  const poll = setInterval(() => {
    void readdir(folder).then((names) => names.some((name) => name.startsWith('.pack-')) && child.kill('SIGKILL'));
  }, 2);
  await finish(child);
  clearInterval(poll);
  const left = await readdir(folder);
  assert.equal(left.length, 1, `killed too late: ${left.join()}`);
  await imported(out, 'next');
  assert.deepEqual(await readdir(folder), ['pack']);
});

test('what may be another import’s or no import’s at all is left alone', async (t) => {
  const folder = await temporaryFolder(t);
  const ended = await killedName();
  const kept = [
    `.pack-${owner}-aB3xYz`,
    '.pack-00000000-1-aB3xYz',
    '.pack-mine',
    ended.replace('.pack', '.other'),
    `${ended}.txt`,
  ];
  for (const name of kept) await mkdir(join(folder, name));
  await writeFile(join(folder, ended), 'no folder');
  await imported(join(folder, 'pack'), 'next');
  assert.deepEqual((await readdir(folder)).toSorted(), [...kept, ended, 'pack'].toSorted());
});

test('a pack that a killed import had moved away is back, even if the next import fails', async (t) => {
  const { folder, out } = await packIn(t);
  const killed = join(folder, await killedName());
  await rename(out, `${killed}.old`);
  await mkdir(killed);
  const damaged = join(await temporaryFolder(t), 'nan.pt');
  await withValue(files('mlp.pt'), 'clip_project.model.2.weight', NaN, damaged);
  const { code } = await clipcap([...command(out, 'new', damaged), '--tokenizer', files('tokenizer.json')]);
  assert.equal(code, 3);
  assert.equal(await idOf(out), 'old');
  assert.deepEqual(await readdir(folder), ['pack']);
});

test('the old pack goes where a killed import had put the new one in its place already', async (t) => {
  const { folder, out } = await packIn(t);
  await cp(out, join(folder, `${await killedName()}.old`), { recursive: true });
  await imported(out, 'new');
  assert.equal(await idOf(out), 'new');
  assert.deepEqual(await readdir(folder), ['pack']);
});
