/** A report of the command line, opened as people open it: a file in a browser without a network. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { clipcap } from '../cli/clipcap.js';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { axeViolations } from './axe.js';
import { screenshotPath, startBrowser, type Browser } from './browser.js';

const photo = fixture('photos/chelsea.jpg');

/** Each tab, and what is drawn in it; a mark that has a size. */
const tabs: readonly (readonly [string, string])[] = [
  ['Prefix', '.positions .value'],
  ['Heat map', '.matrix svg rect'],
  ['Map', '.map .position-point circle'],
  ['Tokens', '.token-cell'],
  ['Tokens', '.tree .beam rect'],
  ['Attention', '.matrix svg rect'],
  ['Logit lens', '.guess'],
  ['Counterfactuals', '.signed span'],
  ['Where in the image', '.overlay .cells rect'],
  ['Compare', '.item .said'],
  ['Encoder’s words', '.across span'],
];

describe('a report', () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser.close());

  test('draws all ten views from its file, offline, without a request, a complaint, or a barrier', async (t) => {
    const file = join(await temporaryFolder(t), 'lens.html');
    const others = ['coffee.jpg', 'rocket.jpg'].map((name) => fixture(`photos/${name}`));
    const { code, stderr } = await clipcap(['inspect', photo, '--report', file, '--with', ...others]);
    assert.equal(code, 0, stderr);
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await browser.newPage({ viewport: { width: 1000, height: 900 }, colorScheme, offline: true });
      const [complaints, requests]: [string[], string[]] = [[], []];
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(String(error)));
      page.on('request', (request) => requests.push(request.url()));
      await page.goto(pathToFileURL(file).href);
      assert.deepEqual(await page.getByRole('tab').allTextContents(), [...new Set(tabs.map(([tab]) => tab))]);
      assert.match((await page.locator('h1').textContent()) ?? '', /cat/u);
      const barriers: string[] = [];
      for (const [tab, mark] of tabs) {
        await page.getByRole('tab', { name: tab, exact: true }).click();
        await page.locator(mark).first().waitFor({ state: 'attached' });
        const drawn = await page
          .locator(mark)
          .evaluateAll((marks: readonly Element[]) =>
            marks.some((one) => one.getBoundingClientRect().width > 1 && one.getBoundingClientRect().height > 1),
          );
        assert.ok(drawn, `${tab}: ${mark}`);
        barriers.push(...(await axeViolations(page)).map((violation) => `${tab}: ${violation}`));
        const path = screenshotPath(`report-${colorScheme}-${tab.replaceAll(/\W/gu, '-')}`);
        await page.screenshot({ path, fullPage: true });
      }
      assert.deepEqual(barriers, []);
      assert.deepEqual(complaints, []);
      assert.deepEqual(
        requests.filter((url) => !url.startsWith('data:')),
        [pathToFileURL(file).href],
      );
      await page.close();
    }
  });
});
