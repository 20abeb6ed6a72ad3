/** What a user is told once: the sentence on the built-in pack's licence. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { screenshotPath, startBrowser, type Browser } from './browser.js';
import { startCodeServer, type CodeServer } from './codeServer.js';
import { openWorkbench, type Workbench } from './workbench.js';

describe('the first use of the built-in pack', () => {
  let browser: Browser;
  let server: CodeServer;
  let workbench: Workbench;
  let caption: string;

  before(async () => {
    server = await startCodeServer({ trusted: true });
    caption = (await server.captionByCommandLine('photos/astronaut.jpg')).captions[0]?.text ?? '';
    browser = await startBrowser();
    workbench = await openWorkbench(browser, server);
  });
  after(async () => {
    await browser.close();
    await server.stop();
  });

  const note = 'Use Another Pack';

  test('tells its licence, be it only for a hover, and leads to the other packs', async () => {
    await workbench.open('README.md');
    // The note comes with the first caption, and goes by itself after a while.
    const toast = workbench.notification(note);
    await Promise.all([toast.waitFor(), workbench.hover('photos/astronaut.jpg', caption)]);
    await workbench.page.screenshot({ path: screenshotPath('vscode-licence-note') });
    const said = (await toast.textContent()) ?? '';
    assert.match(said, /Flickr8k, which asks for research use only/);
    await toast.locator(`a:has-text("${note}")`).click();
    await workbench.page.locator('.tab').filter({ hasText: 'models.md' }).first().waitFor();
  });

  test('is not told again in a new window', async () => {
    await workbench.reload();
    await workbench.open('README.md');
    await workbench.hover('photos/astronaut.jpg', caption);
    await workbench.open('coffee.jpg');
    await workbench.command('ClipCap: Caption This Image');
    await workbench.notification('coffee.jpg: ').waitFor();
    assert.equal(await workbench.notification(note).count(), 0);
    assert.deepEqual(workbench.complaints, []);
  });
});
