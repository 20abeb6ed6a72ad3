/** A run of captioning as it goes on, in real VS Code: the model loads, and a user who has changed their mind. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { testsIn } from './testsIn.js';

describe('captioning in real VS Code', () => {
  const inVsCode = testsIn({ trusted: true, settings: { 'clipcap.provider': 'cpu' } });

  inVsCode('the status bar says that the model is loading, then that it is ready', async ({ workbench }) => {
    const { page } = workbench;
    await workbench.open('coffee.jpg');
    const item = page.locator('.statusbar-item a[aria-label^="ClipCap: model"]').first();
    await item.waitFor();
    assert.match((await item.getAttribute('aria-label')) ?? '', /idle/u);
    // All that it says is written down, since nobody can tell when it says it.
    await page.evaluate(() => {
      const seen: string[] = [];
      const look = (): void => {
        const label = document.querySelector('.statusbar-item a[aria-label^="ClipCap: model"]')?.ariaLabel ?? '';
        const state = /loading|ready|failed/u.exec(label)?.[0];
        if (state !== undefined && seen.at(-1) !== state) seen.push(state);
        document.body.dataset['states'] = seen.join(' ');
      };
      const bar = document.querySelector('.part.statusbar') ?? document.body;
      new MutationObserver(look).observe(bar, { subtree: true, childList: true, attributes: true });
    });
    await workbench.command('ClipCap: Caption This Image');
    await workbench.notification('coffee.jpg: “').waitFor();
    assert.equal(await page.evaluate(() => document.body.dataset['states']), 'loading ready');
  });

  inVsCode(
    'a run that is cancelled in its notification ends at once and says nothing',
    async ({ server, workbench }) => {
      const [id = assert.fail('no inference process runs')] = await server.inferenceProcesses();
      const expected = (await server.captionByCommandLine('photos/rocket.jpg')).captions[0]?.text ?? '';
      await workbench.open('rocket.jpg');
      // Stopped, it cannot answer before it is cancelled.
      process.kill(id, 'SIGSTOP');
      await workbench.command('ClipCap: Caption This Image');
      const running = workbench.notification('Captioning rocket.jpg');
      await running.getByRole('button', { name: 'Cancel' }).first().click();
      await running.waitFor({ state: 'hidden' });
      process.kill(id, 'SIGCONT');
      // The process lives, takes the next request, and the one before has said nothing.
      await workbench.command('ClipCap: Caption This Image');
      await workbench.notification(`rocket.jpg: “${expected}”`).waitFor();
      const said = workbench.page.locator('.notifications-toasts .notification-list-item');
      assert.equal(await said.filter({ hasText: 'rocket.jpg: “' }).count(), 1);
      assert.deepEqual(await server.inferenceProcesses(), [id]);
    },
  );

  inVsCode('nothing was complained about in the console', ({ workbench }) => {
    assert.deepEqual(workbench.complaints, []);
  });
});
