/** A saved report, opened as people open it: a file in a browser without a network. */
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';
import { axeViolations } from './axe.js';
import { screenshotPath, type Browser } from './browser.js';

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

/**
 * Opens each tab of a report on all views and looks for marks that have a size; fails on a request, a complaint of the
 * console, or anything that axe-core finds.
 * @param name of the screenshots
 */
export async function assertReportDraws(
  browser: Browser,
  file: string,
  name: string,
  colorScheme: 'light' | 'dark',
): Promise<void> {
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
    const path = screenshotPath(`${name}-${colorScheme}-${tab.replaceAll(/\W/gu, '-')}`);
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
