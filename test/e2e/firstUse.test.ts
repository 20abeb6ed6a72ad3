/** What a user is told once: the sentence on the built-in pack's licence. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { screenshotPath } from './browser.js';
import { testsIn } from './testsIn.js';

describe('the first use of the built-in pack', () => {
  let caption: string;
  const inVsCode = testsIn({ trusted: true }, async ({ server }) => {
    caption = (await server.captionByCommandLine('photos/astronaut.jpg')).captions[0]?.text ?? '';
  });

  const note = 'Use Another Pack';

  inVsCode('tells its licence, be it only for a hover, and leads to the other packs', async ({ workbench }) => {
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

  inVsCode('is not told again in a new window', async ({ workbench }) => {
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
