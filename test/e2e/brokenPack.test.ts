/** A model pack that cannot be loaded, in real VS Code: what the user sees, and the way out. */
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { screenshotPath, startBrowser, type Browser } from './browser.js';
import { startCodeServer, type CodeServer } from './codeServer.js';
import { openWorkbench, type Workbench } from './workbench.js';

describe('with a model pack that is broken', () => {
  let browser: Browser;
  let server: CodeServer;
  let workbench: Workbench;
  let folder: string;
  let pack: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'clipcap-broken-'));
    pack = join(folder, 'pack');
    await mkdir(pack);
    await writeFile(join(pack, 'pack.json'), 'no manifest');
    server = await startCodeServer({ trusted: true, workspaceSettings: { 'clipcap.model': pack } });
    browser = await startBrowser();
    workbench = await openWorkbench(browser, server);
  });
  after(async () => {
    await browser.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** The status bar's item, once its label has this text. */
  const status = async (label: string): Promise<string> => {
    const item = workbench.page.locator(`.statusbar-item a[aria-label^="ClipCap: model"][aria-label*="${label}"]`);
    await item.first().waitFor();
    return (await item.first().getAttribute('aria-label')) ?? '';
  };

  test('a caption fails, and the status bar says the reason', async () => {
    await workbench.open('coffee.jpg');
    await workbench.command('ClipCap: Caption This Image');
    await workbench.notification('pack.json').waitFor();
    const label = await status(', failed: ');
    await workbench.page.screenshot({ path: screenshotPath('vscode-broken-pack') });
    assert.ok(label.includes(join(pack, 'pack.json')), label);
  });

  test('once the pack is repaired, a restart recovers', async () => {
    const expected = (await server.captionByCommandLine('photos/coffee.jpg')).captions[0]?.text ?? '';
    await cp(join(server.extension, 'models', 'builtin'), pack, { recursive: true });
    await workbench.command('ClipCap: Restart Inference');
    await status(', ready');
    await workbench.command('ClipCap: Caption This Image');
    await workbench.notification(`coffee.jpg: “${expected}”`).waitFor();
  });

  test('the console has no error of ours but the one that was shown', () => {
    // VS Code writes every error notification to its console too.
    assert.deepEqual(
      workbench.complaints.filter((text) => !text.startsWith(join(pack, 'pack.json'))),
      [],
    );
  });
});
