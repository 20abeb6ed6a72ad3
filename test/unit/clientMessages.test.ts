/** What VS Code, a fake, says where nothing that failed says anything itself: what it was, and what to do. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import type { LogOutputChannel, WebviewPanel } from 'vscode';
import '../registerFakeVscode.js';
import { temporaryFolder } from '../temporaryFolder.js';

const { runCommandLine } = await import('@clipcap/client/commandLineProcess');
const { installCuda } = await import('@clipcap/client/installCuda');
const { LensPanel } = await import('@clipcap/client/lensPanel');
const { FakePanel, Uri, user } = await import('../fakeVscode.js');

/** A command line that fails without a word. */
async function silent(t: TestContext): Promise<string> {
  const script = join(await temporaryFolder(t), 'silent.mjs');
  await writeFile(script, 'process.exit(1);');
  return script;
}

test('a command line that ends without an answer is named, with a remedy', async (t) => {
  const module = await silent(t);
  await assert.rejects(runCommandLine(['models'], { module }), {
    message: `${module} ended without an answer. Try again; if it stays so, reinstall ClipCap Lens.`,
  });
});

const here = process.platform === 'linux' && process.arch === 'x64' ? {} : { skip: 'there is no CUDA provider for it' };

test(
  'an installation of CUDA’s library that ends without a word is said and logged, with a remedy',
  here,
  async (t) => {
    user.answers.push('Download and Install');
    const logged: string[] = [];
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing else is done with it
    const log = { error: (message: string) => logged.push(message) } as unknown as LogOutputChannel;
    assert.equal(await installCuda(await silent(t), log), false);
    assert.match(logged.join(), /silent\.mjs ended without a word\. Try again/u);
    assert.deepEqual(user.notices.at(-1), { kind: 'error', message: logged.join() });
  },
);

function never(): Promise<never> {
  return Promise.reject(new Error('nobody is asked'));
}

test('a panel without an image says how it gets one', async () => {
  const panel = new FakePanel();
  const context = {
    dist: Uri.parse('file:///dist'),
    caption: never,
    server: { lens: never, report: never, thumbnail: never },
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a fake
  const shown = new LensPanel(panel as unknown as WebviewPanel, context, undefined);
  assert.equal(shown.mode, 'inspected');
  panel.says.fire({ type: 'request', id: 1, method: 'lens', params: { view: 'table', params: {} } });
  await setImmediate();
  const message = 'The panel shows no image. Choose one with “ClipCap: Inspect Prefix”.';
  assert.deepEqual(panel.posted, [{ type: 'error', id: 1, message, code: 'inference-failed' }]);
});
