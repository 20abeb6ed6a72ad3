/** What the views of the Prefix Lens look like, in three themes, at every width, for short and long prefixes. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { axeViolations } from './axe.js';
import { screenshotPath, startBrowser, type Browser } from './browser.js';
import { openLens, tabs } from './lensPage.js';
import { compareWithSnapshot } from './snapshot.js';
import { themes } from './themes.js';

const dark = themes.find(({ name }) => name === 'dark') ?? assert.fail('there is no dark theme');

/** Drawings whose places and colours depend on the data alone, once their texts are hidden. */
const drawings: readonly (readonly [string, string, string, number])[] = [
  ['heat map', 'Heat map', '.matrix-stack', 10],
  ['heat map on a canvas', 'Heat map', '.matrix-stack', 80],
  ['map', 'Map', '.map', 10],
  ['beam tree', 'Tokens', '.tree svg', 10],
  ['attention', 'Attention', '.matrix-stack', 10],
  ['occlusion', 'Where in the image', '.overlay', 10],
];

describe('the pictures of the Prefix Lens', () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser.close());

  for (const [name, tab, selector, length] of drawings) {
    test(`the ${name} looks as it did`, async () => {
      const { page, open } = await openLens(browser, length, dark);
      await page.evaluate(() => {
        const style = new CSSStyleSheet();
        style.replaceSync('svg text { visibility: hidden !important; }');
        document.adoptedStyleSheets.push(style);
      });
      await open(tab);
      const difference = await compareWithSnapshot(page, page.locator(selector).first(), name.replaceAll(' ', '-'));
      assert.ok(difference.mean < 0.01, `${(100 * difference.mean).toFixed(2)} % of the light differ on the whole`);
      assert.ok(difference.most < 0.25, `${(100 * difference.most).toFixed(0)} % differ somewhere`);
      await page.close();
    });
  }

  for (const theme of themes.slice(0, 3)) {
    test(`has nothing that axe-core complains about in the ${theme.name} theme`, async () => {
      const { page, open, complaints } = await openLens(browser, 10, theme);
      const found: string[] = [];
      for (const [tab] of tabs) {
        await open(tab);
        await page.screenshot({
          path: screenshotPath(`lens-${theme.name}-${tab.replaceAll(/\W/gu, '-')}`),
          fullPage: true,
        });
        const violations = await axeViolations(page);
        found.push(...violations.map((violation) => `${tab}: ${violation}`));
      }
      assert.deepEqual(found, []);
      assert.deepEqual(complaints, []);
      await page.close();
    });
  }

  const sizes = [
    ...(
      [
        [1, 1000],
        [80, 1000],
      ] as const
    ).map(([length, width]) => ({ length, width, theme: dark })),
    ...themes.slice(0, 3).flatMap((theme) => [350, 2000].map((width) => ({ length: 10, width, theme }))),
  ];
  for (const { length, width, theme } of sizes) {
    const what = `a prefix of ${length} in ${width} px in the ${theme.name} theme`;
    test(`draws every view of ${what} without scrolling sideways`, async () => {
      const { page, open, complaints } = await openLens(browser, length, theme, { width, height: 900 });
      for (const [tab] of tabs) {
        await open(tab);
        const overflow = await page.evaluate(() => {
          const { scrollWidth, clientWidth } = document.documentElement;
          return scrollWidth - clientWidth;
        });
        assert.equal(overflow, 0, tab);
        await page.screenshot({
          path: screenshotPath(`lens-${length}-${width}-${theme.name}-${tab.replaceAll(/\W/gu, '-')}`),
        });
      }
      assert.deepEqual(complaints, []);
      await page.close();
    });
  }
});
