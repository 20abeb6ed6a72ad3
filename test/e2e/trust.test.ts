/** What a workspace's own settings may do, before and after the user trusts it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { constants } from 'node:fs';
import { mkdir, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { screenshotPath, startBrowser, type Browser } from './browser.js';
import { startCodeServer } from './codeServer.js';
import { openWorkbench, type Workbench } from './workbench.js';

describe('a workspace whose settings name a model pack of its own', () => {
  let browser: Browser;
  let folder: string;
  let manifest: string;

  before(async () => {
    browser = await startBrowser();
    folder = await mkdtemp(join(tmpdir(), 'clipcap-pack-'));
    await mkdir(join(folder, 'pack'));
    // Whoever opens a pipe waits there for a writer: a reader of it cannot go unnoticed.
    manifest = join(folder, 'pack', 'pack.json');
    execFileSync('mkfifo', [manifest]);
  });
  after(async () => {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  });

  const inWorkspace = async (
    trusted: boolean,
    use: (workbench: Workbench, caption: string) => Promise<void>,
  ): Promise<void> => {
    const workspaceSettings = { 'clipcap.model': join(folder, 'pack'), 'clipcap.provider': 'another' };
    const server = await startCodeServer({ trusted, workspaceSettings });
    try {
      const caption = (await server.captionByCommandLine('photos/astronaut.jpg')).captions[0]?.text;
      const workbench = await openWorkbench(browser, server);
      await use(workbench, caption ?? assert.fail('the command line has no caption'));
      await workbench.close();
    } finally {
      await server.stop();
    }
  };

  test('in Restricted Mode is captioned with the built-in pack, and the path is never opened', async () => {
    await inWorkspace(false, async ({ page, complaints, open: openFile, hover, command, notification }, caption) => {
      await page.locator('.statusbar-item').filter({ hasText: 'Restricted Mode' }).first().waitFor();
      await openFile('README.md');
      await hover('photos/astronaut.jpg', caption);
      await page.screenshot({ path: screenshotPath('vscode-restricted-mode') });
      await openFile('astronaut.jpg');
      await command('ClipCap: Caption This Image');
      await notification(`“${caption}”`).waitFor();
      assert.equal(await letReaderGo(manifest), false);
      assert.deepEqual(complaints, []);
    });
  });

  test('once trusted, uses the pack: the check above can fail', async () => {
    await inWorkspace(true, async ({ page, open: openFile, command }) => {
      await openFile('astronaut.jpg');
      await command('ClipCap: Caption This Image');
      while (!(await letReaderGo(manifest))) await page.waitForTimeout(100);
      await page.locator('.notifications-toasts .notification-list-item').filter({ hasText: 'pack' }).first().waitFor();
    });
  });
});

/** Whether someone waits to read a pipe; if so, the reader gets an empty file. */
async function letReaderGo(pipe: string): Promise<boolean> {
  try {
    await (await open(pipe, constants.O_WRONLY | constants.O_NONBLOCK)).close();
    return true;
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error && error.code === 'ENXIO', String(error));
    return false;
  }
}
