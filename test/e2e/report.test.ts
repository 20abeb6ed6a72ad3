/** Reports of the command line. */
import assert from 'node:assert/strict';
import { copyFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { clipcap } from '../cli/clipcap.js';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { startBrowser, type Browser } from './browser.js';
import { assertReportDraws } from './reportPage.js';

const photo = fixture('photos/chelsea.jpg');

describe('a report', () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser.close());

  test('draws all ten views from its file, offline, without a request, a complaint, or a barrier', async (t) => {
    const folder = await temporaryFolder(t);
    const file = join(folder, 'lens.html');
    const others = ['coffee.jpg', 'rocket.jpg'].map((name) => join(folder, name));
    for (const other of others) await copyFile(fixture(`photos/${other.slice(folder.length + 1)}`), other);
    const { code, stderr } = await clipcap(['inspect', photo, '--report', file, '--with', ...others]);
    assert.equal(code, 0, stderr);
    // What it shows is in it.
    for (const other of others) await rm(other);
    for (const colorScheme of ['light', 'dark'] as const) await assertReportDraws(browser, file, 'report', colorScheme);
    const page = await browser.newPage({ offline: true });
    await page.goto(pathToFileURL(file).href);
    await page.getByRole('tab', { name: 'Compare', exact: true }).click();
    await page.locator('.thumb img').nth(2).waitFor();
    const widths = await page
      .locator('.thumb img')
      .evaluateAll((images: readonly HTMLImageElement[]) => images.map(({ naturalWidth }) => naturalWidth));
    assert.equal(widths.length, 3);
    assert.ok(
      widths.every((width) => width > 0),
      `pixels across: ${widths.join(', ')}`,
    );
    await page.close();
  });

  test('says on its buttons that nothing was copied: over plain HTTP, where there is no clipboard, and where it is refused', async (t) => {
    const file = join(await temporaryFolder(t), 'lens.html');
    const { code, stderr } = await clipcap(['inspect', photo, '--view', 'table', 'tokens', '--report', file]);
    assert.equal(code, 0, stderr);
    const body = await readFile(file);
    for (const address of ['http://report.test/', pathToFileURL(file).href]) {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(String(error)));
      await page.route('http://report.test/**', (route) => route.fulfill({ contentType: 'text/html', body }));
      await page.goto(address);
      const refused = await page.evaluate(() => {
        if (!('clipboard' in navigator)) return false;
        navigator.clipboard.writeText = () => Promise.reject(new Error('It is refused.'));
        return true;
      });
      assert.equal(refused, address.startsWith('file:'));
      await page.clock.install({ time: 0 });
      await page.clock.pauseAt(60_000);
      for (const selector of ['.copy', '.joint button', '[title="Copy the numbers as CSV"]']) {
        const button = page.locator(`${selector}:enabled`);
        await button.click();
        await button.filter({ hasText: 'Failed' }).waitFor();
      }
      assert.deepEqual(complaints, []);
      await page.close();
    }
  });
});
