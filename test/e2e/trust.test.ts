/** What a workspace's own settings may do, before and after the user trusts it. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fixture } from '../root.js';
import { screenshotPath, startBrowser, type Browser } from './browser.js';
import { startCodeServer, type CodeServer } from './codeServer.js';
import { openWorkbench, type Workbench } from './workbench.js';

/** A photo that the built-in pack's own decoding and greedy decoding caption differently. */
interface TellingPhoto {
  readonly name: string;
  readonly own: string;
  readonly greedy: string;
}

describe('a workspace whose settings name a model pack and a decoding of its own', () => {
  let browser: Browser;
  let folder: string;

  before(async () => {
    browser = await startBrowser();
    folder = await mkdtemp(join(tmpdir(), 'clipcap-pack-'));
    // Whoever reads it fails.
    await mkdir(join(folder, 'pack'));
    await writeFile(manifest(), 'no manifest');
    // The time of the last access tells who opened it; not on a file system that keeps none.
    await forgetReading();
    await readFile(manifest());
    assert.ok(await wasRead(), `${tmpdir()} keeps no access times; set TMPDIR to a folder that does`);
  });
  after(async () => {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  });

  const manifest = (): string => join(folder, 'pack', 'pack.json');
  const forgetReading = (): Promise<void> => utimes(manifest(), 0, Date.now() / 1000);
  const wasRead = async (): Promise<boolean> => (await stat(manifest())).atimeMs > 0;
  const decoding = { 'clipcap.decoding.strategy': 'greedy' };
  const model = (): Record<string, string> => ({ 'clipcap.model': join(folder, 'pack') });

  const inWorkspace = async (
    trusted: boolean,
    workspaceSettings: Readonly<Record<string, string>>,
    use: (workbench: Workbench, photo: TellingPhoto) => Promise<void>,
  ): Promise<void> => {
    const server = await startCodeServer({ trusted, workspaceSettings });
    try {
      const photo = await tellingPhoto(server);
      await writeFile(join(server.workspace, 'telling.md'), `![A photo](photos/${photo.name})\n`);
      const workbench = await openWorkbench(browser, server);
      await use(workbench, photo);
      await workbench.close();
    } finally {
      await server.stop();
    }
  };

  test('in Restricted Mode is captioned with the built-in pack and the decoding of that; its pack is not opened', async () => {
    await forgetReading();
    await inWorkspace(false, { ...model(), ...decoding }, async (workbench, { name, own }) => {
      const { page } = workbench;
      await page.locator('.statusbar-item').filter({ hasText: 'Restricted Mode' }).first().waitFor();
      await workbench.open('telling.md');
      await workbench.hover(`photos/${name}`, own);
      await page.screenshot({ path: screenshotPath('vscode-restricted-mode') });
      await workbench.open(name);
      await workbench.command('ClipCap: Caption This Image');
      await workbench.notification(`“${own}”`).waitFor();
      assert.deepEqual(workbench.complaints, []);
    });
    assert.equal(await wasRead(), false);
  });

  test('once trusted, is captioned with its decoding: the check above can fail', async () => {
    await inWorkspace(true, decoding, async ({ open, command, notification }, { name, greedy }) => {
      await open(name);
      await command('ClipCap: Caption This Image');
      await notification(`“${greedy}”`).waitFor();
    });
  });

  test('once trusted, is captioned with its pack, whose defect is told: the checks above can fail', async () => {
    await forgetReading();
    await inWorkspace(true, model(), async ({ open, command, notification }, { name }) => {
      await open(name);
      await command('ClipCap: Caption This Image');
      await notification(basename(folder)).waitFor();
    });
    assert.ok(await wasRead());
  });
});

async function tellingPhoto(server: CodeServer): Promise<TellingPhoto> {
  for (const name of (await readdir(fixture('photos'))).filter((file) => file.endsWith('.jpg'))) {
    const [own] = (await server.captionByCommandLine(`photos/${name}`)).captions;
    const [greedy] = (await server.captionByCommandLine(`photos/${name}`, '--decode', 'greedy')).captions;
    if (own && greedy && own.text !== greedy.text) return { name, own: own.text, greedy: greedy.text };
  }
  return assert.fail('greedy decoding and the pack’s own caption every photo alike');
}
