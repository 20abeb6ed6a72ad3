/** The views of the Prefix Lens, given data, in a real browser: what they draw, how they are reached, what they ask for. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { LensView } from '@clipcap/protocol/lens';
import type { PanelRequest } from '@clipcap/protocol/panel';
import { axeViolations } from './axe.js';
import { screenshotPath, startBrowser, type Browser } from './browser.js';
import { sampleResult, sampleViews, type Samples } from './lensSamples.js';
import { openPanel, pageImage, type PanelPage } from './panelPage.js';
import { themes, type Theme } from './themes.js';

const dark = themes.find(({ name }) => name === 'dark') ?? assert.fail('there is no dark theme');

const tabs: readonly (readonly [string, readonly LensView[]])[] = [
  ['Prefix', ['table']],
  ['Heat map', ['heatmap']],
  ['Map', ['map']],
  ['Tokens', ['tokens', 'beams']],
  ['Attention', ['attention']],
  ['Logit lens', ['lens']],
  ['Counterfactuals', ['counterfactuals']],
  ['Where in the image', ['occlusion']],
  ['Compare', ['compare']],
  ['Encoder’s words', ['encoder']],
];

interface LensPage extends PanelPage {
  readonly views: Samples;
  /** Requests that are neither answered nor cancelled. */
  readonly asked: () => Promise<readonly PanelRequest[]>;
  /** Answers everything that is asked with the samples. */
  readonly answer: () => Promise<void>;
  readonly open: (tab: string) => Promise<void>;
}

describe('the Prefix Lens', () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser.close());

  const opened = async (
    length = 10,
    theme: Theme = dark,
    viewport?: { width: number; height: number },
  ): Promise<LensPage> => {
    const panel = await openPanel(browser, theme, viewport);
    const views = sampleViews(length);
    const answered = new Set<number>();
    const asked = async (): Promise<readonly PanelRequest[]> => {
      const said = await panel.said();
      const cancelled = new Set(said.flatMap((message) => (message.type === 'cancel' ? [message.id] : [])));
      return said.flatMap((message) =>
        message.type === 'request' && !answered.has(message.id) && !cancelled.has(message.id) ? [message] : [],
      );
    };
    const answer = async (): Promise<void> => {
      for (const request of await asked()) {
        answered.add(request.id);
        const data =
          request.method === 'lens' ? views[request.params.view] : request.method === 'pick' ? [pageImage] : true;
        await panel.tell({ type: 'answer', id: request.id, data });
      }
    };
    await panel.tell({ type: 'loading', image: pageImage });
    await panel.tell({ type: 'result', image: pageImage, result: sampleResult(length) });
    await answer();
    const open = async (tab: string): Promise<void> => {
      await panel.page.getByRole('tab', { name: tab, exact: true }).click();
      await answer();
      if (tab !== 'Compare') return;
      await panel.page.getByRole('button', { name: 'Choose images…' }).click();
      await answer();
      await panel.page.waitForFunction(() => document.querySelector('.item, .pane[aria-busy]') !== null);
      await answer();
    };
    return { ...panel, views, asked, answer, open };
  };

  test('asks for a view when it is opened, not before, and not again', async () => {
    const { page, said, open } = await opened();
    const views = async (): Promise<readonly LensView[]> =>
      (await said()).flatMap((message) =>
        message.type === 'request' && message.method === 'lens' ? [message.params.view] : [],
      );
    assert.deepEqual(await views(), ['table']);
    await open('Map');
    await open('Prefix');
    await open('Map');
    assert.deepEqual(await views(), ['table', 'map']);
    await page.close();
  });

  test('cancels what it asked for when the view is left', async () => {
    const { page, said, asked } = await opened();
    await page.getByRole('tab', { name: 'Attention', exact: true }).click();
    const [request] = await asked();
    await page.getByRole('tab', { name: 'Prefix', exact: true }).click();
    assert.deepEqual((await said()).at(-1), { type: 'cancel', id: request?.id });
    await page.close();
  });

  test('switches the measure without a request', async () => {
    const { page, said, views } = await opened();
    const sofar = (await said()).length;
    await page
      .locator('select')
      .first()
      .evaluate((list: HTMLSelectElement) => {
        list.value = 'dot';
        list.dispatchEvent(new Event('change'));
      });
    const scores = await page.locator('.position').first().locator('.score').allTextContents();
    assert.deepEqual(
      scores,
      views.table.positions[0]?.nearest.dot.map(({ score }) => score.toFixed(2)),
    );
    assert.equal((await said()).length, sofar);
    await page.close();
  });

  test('tells in place why a view has no data, and asks again on request', async () => {
    const { page, tell, asked } = await opened();
    await page.getByRole('tab', { name: 'Attention', exact: true }).click();
    const [request] = await asked();
    await tell({
      type: 'error',
      id: request?.id ?? -1,
      message: 'This pack has no attention.',
      code: 'inference-failed',
    });
    assert.equal(await page.locator('[role=alert]').textContent(), 'This pack has no attention.');
    await page.getByRole('button', { name: 'Try again' }).click();
    assert.equal((await asked()).filter(({ id }) => id !== request?.id).length, 1);
    await page.close();
  });

  test('keeps a pinned position marked in another view, and the tab for a reload', async () => {
    const { page, open, kept } = await opened();
    await page.locator('.position').nth(2).locator('tbody tr').first().click();
    await open('Counterfactuals');
    assert.equal(await page.locator('tr.lit').count(), 1);
    assert.match((await page.locator('tr.lit').first().textContent()) ?? '', /without 2/u);
    assert.match(JSON.stringify(await kept()), /"tab":"Counterfactuals"/u);
    await page.close();
  });

  test('marks a position that is pointed at in every view, from the line of positions and back', async () => {
    const { page, open } = await opened();
    const third = page.getByRole('button', { name: 'position 3', exact: true });
    for (const [tab, mark] of [
      ['Prefix', '.position.lit .number'],
      ['Heat map', '.labels .lit'],
      ['Map', '.position-point.lit text'],
      ['Attention', '.labels .lit'],
      ['Logit lens', 'th.lit'],
      ['Counterfactuals', 'tr.lit th'],
    ] as const) {
      await open(tab);
      await page.mouse.move(5, 5);
      assert.equal(await page.locator(mark).count(), 0, tab);
      await third.hover();
      assert.match((await page.locator(mark).first().textContent()) ?? '', /3$/u, tab);
    }
    await page.locator('[data-view=counterfactuals] tbody tr').nth(6).hover();
    assert.equal(await page.locator('.place.lit').textContent(), '6');
    await page.close();
  });

  test('marks a token in its beam and in the caption, and a part of the image on the image itself', async () => {
    const { page, open } = await opened();
    await open('Tokens');
    await page.locator('.beam.found').nth(1).hover();
    assert.equal(await page.locator('h1 .token.lit').textContent(), ' grey');
    assert.equal(await page.locator('.token-cell.lit').count(), 1);
    await page.locator('.token-cell').nth(2).hover();
    assert.equal(await page.locator('.beam.same').count(), 1);

    await open('Where in the image');
    const photo = (await page.locator('.photo').first().boundingBox()) ?? assert.fail('there is no photo');
    await page.mouse.move(photo.x + photo.width / 2, photo.y + photo.height / 2);
    const header = (await page.locator('figure.image').boundingBox()) ?? assert.fail('there is no image');
    const region = (await page.locator('.region').boundingBox()) ?? assert.fail('no part is marked');
    const middle = region.x + region.width / 2;
    assert.ok(Math.abs(middle - header.x - header.width / 2) < region.width, 'the marked part is in the middle');
    assert.equal(await page.locator('.photo .frame:not([visibility=hidden])').count(), 2);
    await page.close();
  });

  test('reaches and pins interventions by keyboard', async () => {
    const { page, open } = await opened();
    await open('Counterfactuals');
    await page.locator('[data-view=counterfactuals] tbody tr').first().focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('.place[aria-pressed=true]').textContent(), '2');
    await open('Heat map');
    assert.ok((await page.locator('.labels .lit').count()) > 0);
    await page.close();
  });

  test('tells what cannot be chosen, and saves a report with the options and the reference that are chosen', async () => {
    const { page, asked, tell, open, answer } = await opened();
    await open('Counterfactuals');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await answer();
    await open('Prefix');
    await page.getByRole('button', { name: 'Choose folder…' }).first().click();
    const [pick] = await asked();
    assert.deepEqual(
      [pick?.method, pick?.params],
      ['pick', { title: 'Images that stand for “every image”', from: 'folder' }],
    );
    const message = '5000 images are more than the 200 that a view takes. Choose fewer.';
    await tell({ type: 'error', id: pick?.id ?? -1, message, code: 'usage' });
    await page.locator('[role=alert]').waitFor();
    assert.equal(await page.locator('[role=alert]').textContent(), message);
    await page.getByRole('button', { name: 'Choose images…' }).first().click();
    await answer();
    await page.waitForFunction(() => document.querySelector('.pane[aria-busy]') !== null);
    await answer();

    await page.getByRole('button', { name: 'Save report…' }).click();
    const [report] = await asked();
    if (report?.method !== 'report') assert.fail('no report is asked for');
    const { views, reference } = report.params;
    assert.deepEqual(reference, [pageImage.uri]);
    assert.deepEqual(views?.counterfactuals, { interventions: [{ kind: 'drop', position: 0 }] });
    assert.deepEqual(
      Object.keys(views ?? {}),
      tabs.flatMap(([, names]) => names).filter((name) => name !== 'compare'),
    );
    await page.close();
  });

  test('saves every view as a picture and as numbers', async () => {
    const { page, open, asked, answer } = await opened();
    for (const [tab, [view]] of tabs) {
      await open(tab);
      for (const [format, start] of [
        ['SVG', /^<svg/u],
        ['PNG', /^iVBOR/u],
        ['CSV', /,/u],
        ['JSON', /^\{/u],
      ] as const) {
        await page.locator(`[data-view=${view}] .tool-group button`).filter({ hasText: format }).first().click();
        await page.waitForFunction(
          (name) =>
            globalThis.standIn.said.some(
              (message) =>
                message.type === 'request' &&
                message.method === 'save' &&
                message.params.name === name[0] &&
                message.params.format === name[1],
            ),
          [view, format.toLowerCase()] as const,
        );
        const [request] = await asked();
        if (request?.method !== 'save') assert.fail(`nothing is saved of ${view} as ${format}`);
        assert.match(request.params.content, start);
        await answer();
      }
    }
    await page.close();
  });

  for (const theme of themes.slice(0, 3)) {
    test(`has nothing that axe-core complains about in the ${theme.name} theme`, async () => {
      const { page, open, complaints } = await opened(10, theme);
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

  for (const [length, width] of [
    [1, 1000],
    [80, 1000],
    [10, 350],
    [10, 2000],
  ] as const) {
    test(`draws every view of a prefix of ${length} in ${width} px without scrolling sideways`, async () => {
      const { page, open, complaints } = await opened(length, dark, { width, height: 900 });
      for (const [tab] of tabs) {
        await open(tab);
        const overflow = await page.evaluate(() => {
          const { scrollWidth, clientWidth } = document.documentElement;
          return scrollWidth - clientWidth;
        });
        assert.equal(overflow, 0, tab);
        await page.screenshot({ path: screenshotPath(`lens-${length}-${width}-${tab.replaceAll(/\W/gu, '-')}`) });
      }
      assert.deepEqual(complaints, []);
      await page.close();
    });
  }
});
