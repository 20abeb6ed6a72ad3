/** CUDA's provider libraries are installed whole or not at all. Nothing is downloaded: what downloads is a fake. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { LogOutputChannel } from 'vscode';
import { FakeRuntime, isAlive } from '../fakeRuntime.js';
import '../registerFakeVscode.js';
import { fixture, root } from '../root.js';
import { keys, pressAtQuestion } from './atTerminal.js';
import { failure, finish } from './clipcap.js';

const { installCuda } = await import('@clipcap/client/installCuda');
const { settings, user } = await import('../fakeVscode.js');

const here = process.platform === 'linux' && process.arch === 'x64' ? {} : { skip: 'there is no CUDA provider for it' };
const install = ['doctor', '--install-cuda', '--yes'];
const own = 'libonnxruntime.so.1';
const cuda = 'libonnxruntime_providers_cuda.so';
const installed = [own, cuda, 'libonnxruntime_providers_shared.so', 'libonnxruntime_providers_tensorrt.so'];

async function assertLeft(runtime: FakeRuntime, libraries: readonly string[]): Promise<void> {
  assert.deepEqual((await readdir(runtime.libraries)).toSorted(), libraries);
  assert.deepEqual(await readdir(runtime.temporary), []);
}

test('what is downloaded lies beside ONNX Runtime’s own library, and nothing else is left', here, async (t) => {
  const runtime = await FakeRuntime.create(t, 'goOn');
  const { code, stdout, stderr } = await finish(runtime.start(install));
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Installed\./mu);
  await assertLeft(runtime, installed);
  const again = await finish(runtime.start(install));
  assert.equal(again.code, 0);
  assert.match(again.stdout, /installed already/u);
});

test('a script that fails half-way leaves nothing, and its reason is said', here, async (t) => {
  const runtime = await FakeRuntime.create(t, 'fail');
  const { code, stderr } = await finish(runtime.start(install));
  assert.equal(code, 3);
  assert.match(stderr, /could not be installed \(the disk is full\)\. .* no part of it is used/u);
  await assertLeft(runtime, [own]);
});

for (const [name, key] of Object.entries(keys)) {
  test(`${name} at the question is no consent`, here, async (t) => {
    const runtime = await FakeRuntime.create(t, 'goOn');
    const words = [process.execPath, runtime.cli, 'doctor', '--install-cuda'];
    const { code, shown } = await pressAtQuestion(words, key);
    // As of a model.
    assert.equal(code, 1, shown);
    assert.match(shown, /Nothing was downloaded/u);
    await assertLeft(runtime, [own]);
  });
}

const interruptions: Readonly<Record<string, (run: ChildProcess) => unknown>> = {
  'Ctrl-C in a terminal, which both get,': ({ pid }) => process.kill(-pid!, 'SIGINT'),
  'SIGTERM for the command line alone': (run) => run.kill('SIGTERM'),
  'an editor that closes its channel': (run) => run.disconnect(),
};

for (const [what, interrupt] of Object.entries(interruptions)) {
  test(`half-way, ${what} ends the script, and nothing is left`, here, async (t) => {
    const runtime = await FakeRuntime.create(t, 'stall');
    // A process group of its own, as a terminal makes one.
    const run = runtime.start(install, { detached: true, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    const script = await runtime.halfWay();
    interrupt(run);
    // Its 'close' never comes once this side has ended the channel.
    const [said] = await Promise.all([text(run.stderr!), once(run, 'exit')]);
    assert.equal(run.exitCode, 130);
    assert.match(said, /interrupted; nothing was changed/u);
    assert.equal(isAlive(script), false);
    await assertLeft(runtime, [own]);
  });
}

test('“Cancel” in the editor, a fake, ends the script, and nothing is left', here, async (t) => {
  const runtime = await FakeRuntime.create(t, 'stall');
  user.answers.push('Download and Install');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing is logged
  const installing = installCuda(runtime.cli, {} as LogOutputChannel);
  const script = await runtime.halfWay();
  user.cancel();
  assert.equal(await installing, false);
  assert.equal(isAlive(script), false);
  await assertLeft(runtime, [own]);
});

for (const variable of ['CLIPCAP_OFFLINE', 'HF_HUB_OFFLINE']) {
  test(`${variable} keeps the script from being run`, here, async (t) => {
    const runtime = await FakeRuntime.create(t, 'goOn');
    const { code, stdout, stderr } = await finish(runtime.start(install, { env: { [variable]: '1' } }));
    assert.deepEqual([code, stdout], [3, '']);
    assert.match(stderr, /^Offline mode is on: nothing is downloaded\. Switch off clipcap\.offline/u);
    await assertLeft(runtime, [own]);
  });
}

test('the script is told the proxy, and what goes without it, as other downloads are', here, async (t) => {
  const runtime = await FakeRuntime.create(t, 'sayProxy');
  const env = { https_proxy: 'http://small:1', HTTPS_PROXY: 'http://large:1', NO_PROXY: '.here' };
  const { code, stderr } = await finish(runtime.start(install, { env }));
  assert.equal(code, 3);
  assert.match(stderr, /\(through http:\/\/small:1 but \.here\)/u);
});

/** What the editor, a fake, says of an installation with these settings. */
async function saidWith(runtime: FakeRuntime, given: Readonly<Record<string, unknown>>): Promise<string> {
  for (const [name, value] of Object.entries(given)) settings.set(name, value);
  user.answers.push('Download and Install');
  user.notices.length = 0;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing else is done with it
  const log = { error: () => undefined, show: () => undefined } as unknown as LogOutputChannel;
  assert.equal(await installCuda(runtime.cli, log), false);
  settings.clear();
  return user.notices.at(-1)?.message ?? '';
}

test('offline mode and the proxy of the editor’s settings, a fake’s, hold for CUDA’s library, too', here, async (t) => {
  const runtime = await FakeRuntime.create(t, 'sayProxy');
  assert.match(await saidWith(runtime, { 'clipcap.offline': true }), /^Offline mode is on/u);
  const proxy = { 'http.proxy': 'http://proxy:1', 'http.noProxy': ['a.here', 'b.here'] };
  assert.match(await saidWith(runtime, proxy), /through http:\/\/proxy:1 but a\.here,b\.here/u);
  await assertLeft(runtime, [own]);
});

test('what an installation leaves that is killed is no library, and the next one removes it', here, async (t) => {
  const runtime = await FakeRuntime.create(t, 'stall');
  const run = runtime.start(install);
  const script = await runtime.halfWay();
  run.kill('SIGKILL');
  process.kill(script, 'SIGKILL');
  await finish(run);
  assert.ok(!(await readdir(runtime.libraries)).includes(cuda));
  await runtime.becomes('goOn');
  const { code, stderr } = await finish(runtime.start(install));
  assert.equal(code, 0, stderr);
  await assertLeft(runtime, installed);
});

test('what ONNX Runtime’s own script leaves half-way is not taken for CUDA, and is replaced', here, async (t) => {
  const runtime = await FakeRuntime.create(t, 'goOn');
  await writeFile(join(runtime.libraries, cuda), 'half');
  const asked = ['caption', '--json', '--provider', 'cuda', '--model', join(root, 'models', 'builtin')];
  const { stdout } = await finish(runtime.start([...asked, fixture('photos/moon.jpg')]));
  assert.match(
    failure(stdout).message,
    /cuda cannot be used: its library is not installed \(in VS Code “ClipCap: Install CUDA Support…”, elsewhere/u,
  );
  const { code, stderr } = await finish(runtime.start(install));
  assert.equal(code, 0, stderr);
  assert.match(await readFile(join(runtime.libraries, cuda), 'utf8'), /^\d+$/u);
  assert.deepEqual((await readdir(runtime.libraries)).toSorted(), installed);
});
