/** The panel's drawing, given results, in a real browser. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { CaptionResult, PrefixPosition } from '@clipcap/protocol/caption';
import { screenshotPath, startBrowser, type Browser } from './browser.js';
import { openPanel, pageImage, type PanelPage } from './panelPage.js';
import { themes } from './themes.js';

const words = [
  ' cat',
  ' kitten',
  ' eyes',
  ' looking',
  ' grey',
  'ing',
  '\n',
  '\\xe2\\x80',
  ' whiskers',
  ' photographer',
];

/** Ten positions of eight words whose cosines all differ and fall from word to word. */
const prefix: readonly PrefixPosition[] = Array.from({ length: 10 }, (_, position) => ({
  position,
  norm: 2 + position / 3,
  nearest: Array.from({ length: 8 }, (__, rank) => ({
    id: 100 + ((position * 3 + rank) % words.length),
    text: words[(position * 3 + rank) % words.length] ?? '',
    score: 0.62 - 0.012 * position - 0.05 * rank,
  })),
}));

const result: CaptionResult = {
  title: 'Built-in captioner',
  model: {
    id: 'builtin',
    encoder: 'efficientnet-lite2',
    mapper: 'mlp',
    prefixLength: 10,
    width: 256,
    dtype: 'int8',
    provider: 'cpu',
  },
  image: {
    sha256: '0'.repeat(64),
    width: 451,
    height: 300,
    captions: [
      {
        text: 'a grey cat is looking at the camera',
        score: -0.7,
        tokens: [
          ...' a grey cat is looking at the camera'
            .split(/(?= )/u)
            .map((text, index) => ({ id: index + 10, text, logProb: -0.1 - 0.25 * ((index * 5) % 7) })),
          { id: 0, text: '<|endoftext|>', logProb: -0.2 },
        ],
      },
    ],
    prefix,
    timings: { decode: 4.2, preprocess: 1.4, encode: 17.3, map: 0.2, generate: 31.8, interpret: 1.9 },
  },
};

const dark = themes.find(({ name }) => name === 'dark') ?? assert.fail('there is no dark theme');

/** How a token's text is to be written: its space and line break as glyphs. */
function shown(text: string): string {
  return text === '\n' ? '↵' : text.replace(/^ /u, '·');
}

describe('the panel', () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser.close());

  const opened = async (viewport?: { width: number; height: number }): Promise<PanelPage> => {
    const panel = await openPanel(browser, dark, viewport);
    await panel.tell({ type: 'loading', image: pageImage });
    await panel.tell({ type: 'result', image: pageImage, result });
    return panel;
  };

  test('draws each position’s words in order, with their cosines', async () => {
    const { page, complaints } = await opened();
    const drawn = await page.locator('.position').evaluateAll((cards: readonly HTMLTableElement[]) =>
      cards.map((card) => ({
        number: card.querySelector('.number')?.textContent,
        words: Array.from(card.querySelectorAll('tbody th > span:first-child'), (word) => word.textContent),
        scores: Array.from(card.querySelectorAll('.score'), (score) => score.textContent),
      })),
    );
    assert.deepEqual(
      drawn,
      prefix.map(({ position, nearest }) => ({
        number: String(position),
        words: nearest.map(({ text }) => shown(text)),
        scores: nearest.map(({ score }) => score.toFixed(2)),
      })),
    );
    assert.deepEqual(complaints, []);
    await page.close();
  });

  test('makes every bar as long as its cosine, on one scale for all positions', async () => {
    const { page } = await opened();
    const widths = await page
      .locator('.value')
      .evaluateAll((bars: readonly SVGRectElement[]) => bars.map((bar) => bar.getBoundingClientRect().width));
    const scores = prefix.flatMap(({ nearest }) => nearest.map(({ score }) => score));
    assert.equal(widths.length, scores.length);
    const pixelsPerUnit = (widths[0] ?? 0) / (scores[0] ?? 1);
    assert.ok(pixelsPerUnit > 50, `bars are ${pixelsPerUnit} px per unit of cosine`);
    for (const [index, score] of scores.entries()) {
      const width = widths[index] ?? 0;
      assert.ok(Math.abs(width - score * pixelsPerUnit) < 1, `bar ${index}: ${width} px for ${score}`);
    }
    await page.close();
  });

  test('shows the caption, its confidence as exp(score), and what made it', async () => {
    const { page } = await opened();
    assert.equal(await page.locator('h1').textContent(), 'a grey cat is looking at the camera');
    assert.match((await page.locator('.confidence').textContent()) ?? '', /confidence 0\.50/u);
    const facts = await page.locator('.facts').innerText();
    for (const fact of ['efficientnet-lite2', 'mlp', '10 × 256', 'int8', 'cpu', '451 × 300 px', '57 ms']) {
      assert.ok(facts.includes(fact), `${fact} is not in: ${facts}`);
    }
    await page.locator('.confidence').hover();
    assert.match(await page.locator('.tooltip.shown').innerText(), /not the probability that the caption is true/u);
    await page.close();
  });

  test('tells a word’s exact token on pointer and on keyboard focus, and marks it at other positions', async () => {
    const { page } = await opened();
    await page.locator('.position').nth(1).locator('tbody tr').first().hover();
    const told = await page.locator('.tooltip.shown').innerText();
    assert.match(told, /" looking"\s+token 103/u);
    assert.match(told, /cosine 0\.6080 with prefix position 1/u);
    assert.match(told, /also near position 0, /u);
    assert.ok((await page.locator('tr.same').count()) > 1);

    await page.locator('.copy').focus();
    while (!(await page.evaluate(() => document.activeElement?.matches('.position tr') ?? true))) {
      await page.keyboard.press('Tab');
    }
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowDown');
    assert.match(await page.locator('.tooltip.shown').innerText(), /" grey"\s+token 104/u);
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('.tooltip.shown').count(), 0);
    await page.close();
  });

  test('asks its host to copy the caption, and says that it did', async () => {
    const { page, said } = await opened();
    await page.locator('.copy').click();
    assert.equal(await page.locator('.copy').innerText(), 'Copied');
    assert.deepEqual((await said()).at(-1), { type: 'copy', text: 'a grey cat is looking at the camera' });
    await page.close();
  });

  test('keeps the image for a reload and asks for it again', async () => {
    const first = await opened();
    assert.deepEqual((await first.said())[0], { type: 'ready' });
    assert.deepEqual(await first.kept(), pageImage);
    await first.page.close();
    const second = await openPanel(browser, dark, undefined, pageImage);
    assert.deepEqual(await second.said(), [{ type: 'ready', uri: pageImage.uri }]);
    assert.equal(await second.page.locator('.file').textContent(), pageImage.name);
    await second.page.close();
  });

  test('says why there is no caption and offers to try again', async () => {
    const { page, tell, said } = await openPanel(browser, dark);
    await tell({
      type: 'failed',
      image: { ...pageImage, source: 'http://panel.test/gone.tiff' },
      message: 'It is empty.',
    });
    assert.equal(await page.locator('[role=alert]').textContent(), 'It is empty.');
    assert.equal(await page.locator('.prefix').isVisible(), false);
    await page.locator('.no-preview').waitFor();
    await page.getByRole('button', { name: 'Try again' }).click();
    assert.deepEqual((await said()).at(-1), { type: 'retry' });
    await page.screenshot({ path: screenshotPath('panel-failed') });
    await page.close();
  });

  test('moves nothing when the result takes the place of the waiting state', async () => {
    const panel = await openPanel(browser, dark);
    await panel.tell({ type: 'loading', image: pageImage });
    const places = (): Promise<readonly number[]> =>
      panel.page
        .locator('.image, .prefix, .position')
        .evaluateAll((parts: readonly HTMLElement[]) =>
          parts.map((part) => Math.round(part.getBoundingClientRect().top)),
        );
    const waiting = await places();
    await panel.page.screenshot({ path: screenshotPath('panel-loading') });
    await panel.tell({ type: 'result', image: pageImage, result });
    assert.deepEqual(await places(), waiting);
    await panel.page.close();
  });

  for (const width of [350, 620, 1000, 2000]) {
    test(`fits into a panel of ${width} px without scrolling sideways`, async () => {
      const { page } = await opened({ width, height: 900 });
      const overflow = await page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        return scrollWidth - clientWidth;
      });
      assert.equal(overflow, 0);
      await page.screenshot({ path: screenshotPath(`panel-${width}`), fullPage: true });
      await page.close();
    });
  }

  for (const theme of themes) {
    test(`draws without complaint in the ${theme.name} theme`, async () => {
      const { page, tell, complaints } = await openPanel(browser, theme);
      await tell({ type: 'result', image: pageImage, result });
      await page.locator('.position').first().locator('tbody tr').first().hover();
      await page.screenshot({ path: screenshotPath(`panel-${theme.name}`) });
      assert.deepEqual(complaints, []);
      await page.close();
    });
  }
});
