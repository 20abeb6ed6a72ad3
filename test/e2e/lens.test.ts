/** The views of the Prefix Lens, given data, in a real browser: how they are reached, what they ask for, what they mark. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { LensView } from '@clipcap/protocol/lens';
import { startBrowser, type Browser } from './browser.js';
import { openLens, tabs, type LensPage } from './lensPage.js';
import { sampleResult } from './lensSamples.js';
import { openPanel, pageImage } from './panelPage.js';
import { themes } from './themes.js';

const dark = themes.find(({ name }) => name === 'dark') ?? assert.fail('there is no dark theme');

describe('the Prefix Lens', () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser.close());
  const opened = (): Promise<LensPage> => openLens(browser);

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

  test('switches the measure in the words that are there, as cards and as a table', async () => {
    const { page, views } = await opened();
    for (const [look, words] of [
      ['cards', '.position tbody tr'],
      ['table', '.chip'],
    ] as const) {
      await page.locator('[data-control=Look]').selectOption(look);
      await page.locator('[data-control=Measure]').selectOption('cosine');
      const first = page.locator(words).first();
      await first.evaluate((element: HTMLElement) => {
        element.dataset['mark'] = 'there';
      });
      for (const metric of ['dot', 'euclidean', 'centred'] as const) {
        await page.locator('[data-control=Measure]').selectOption(metric);
        assert.equal(await first.getAttribute('data-mark'), 'there', `${look}, ${metric}`);
        const shown = await page
          .locator(words)
          .evaluateAll((elements: readonly HTMLElement[]) => elements.map(({ dataset }) => Number(dataset['token'])));
        const expected = views.table.positions.flatMap(({ nearest }) => nearest[metric].map(({ id }) => id));
        assert.deepEqual(shown, expected, `${look}, ${metric}`);
        await page.mouse.move(1, 1);
        await first.hover();
        assert.match((await page.locator('#tooltip').textContent()) ?? '', new RegExp(`token ${expected[0]}`, 'u'));
      }
    }
    await page.close();
  });

  test('switches the measure of a long prefix in sight at once, and beyond it soon', async () => {
    const { page, views } = await openLens(browser, 80);
    const expected = views.table.positions.map(({ nearest }) => nearest.dot[0]?.id);
    const atOnce = await page.evaluate(() => {
      const firsts = [...document.querySelectorAll<HTMLElement>('.position tr.first')];
      const list = document.querySelector<HTMLSelectElement>('[data-control=Measure]');
      if (!list) throw new Error('there is no choice of the measure');
      // Two switches with nothing painted between them: the second is the one that counts.
      for (const metric of ['centred', 'dot']) {
        list.value = metric;
        list.dispatchEvent(new Event('change'));
      }
      const inSight = firsts.filter((row) => row.getBoundingClientRect().top < innerHeight);
      return inSight.map((row) => Number(row.dataset['token']));
    });
    assert.ok(atOnce.length > 0 && atOnce.length < 80, `${atOnce.length} cards are in sight`);
    assert.deepEqual(atOnce, expected.slice(0, atOnce.length));
    await page.waitForFunction(
      (ids) =>
        [...document.querySelectorAll<HTMLElement>('.position tr.first')].every(
          (row, index) => Number(row.dataset['token']) === ids[index],
        ),
      expected,
    );
    await page.close();
  });

  test('asks for small pictures of compared images that are seen, and says what was left out of a folder', async () => {
    const { page, asked, tell, answer } = await opened();
    await page.getByRole('tab', { name: 'Compare', exact: true }).click();
    await page.getByRole('button', { name: 'Choose folder…' }).last().click();
    const [pick] = await asked();
    const note = '200 of 5000 images in /photos were taken.';
    const others = [1, 2, 3].map((index) => ({ uri: `file:///photos/${index}.jpg`, name: `${index}.jpg` }));
    await tell({ type: 'answer', id: pick?.id ?? -1, data: { images: others, note } });
    await page.locator('.pane[aria-busy]').waitFor({ state: 'attached' });
    await answer();
    assert.equal(await page.locator('[data-view=compare] .told').textContent(), note);
    await page.waitForFunction(() =>
      globalThis.standIn.said.some((message) => message.type === 'request' && message.method === 'thumbnail'),
    );
    const thumbnails = (await asked()).filter(({ method }) => method === 'thumbnail');
    const [gone, ...there] = thumbnails;
    await tell({ type: 'error', id: gone?.id ?? -1, message: 'It is gone.', code: 'missing' });
    assert.ok(there.length > 0);
    await answer();
    await page.locator('.thumb img[src^="data:"]').first().waitFor();
    assert.equal(await page.locator('.thumb[hidden]').count(), 1);
    await page.close();
  });

  test('compares with a pack whose folder is chosen, and with none if the dialog is dismissed', async () => {
    const { page, asked, tell } = await opened();
    await page.getByRole('tab', { name: 'Compare', exact: true }).click();
    await page.getByRole('button', { name: 'Choose pack…' }).click();
    const [dismissed] = await asked();
    assert.equal(dismissed?.method, 'pickPack');
    await tell({ type: 'answer', id: dismissed?.id ?? -1, data: '' });
    await page.getByRole('button', { name: 'Choose pack…' }).click();
    const [, chosen, ...more] = await asked();
    assert.deepEqual(more, [], 'nothing is compared with no pack');
    await tell({ type: 'answer', id: chosen?.id ?? -1, data: '/packs/other' });
    await page.locator('.pane[aria-busy]').waitFor({ state: 'attached' });
    const compared = (await asked()).at(-1);
    assert.deepEqual(compared?.params, { view: 'compare', params: { model: '/packs/other' } });
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

  test('begins again after a reload with the tab, the options and the reference that were chosen', async () => {
    const reference = [{ ...pageImage, uri: 'file:///photos/other.jpg' }];
    const options = { map: { projection: 'umap', nearest: 3, seed: 9, gone: 1 }, table: { nearest: 'many' } };
    const kept = { ...pageImage, tab: 'Map', mode: 'kept', options, reference };
    const { page, said, tell } = await openPanel(browser, dark, undefined, kept);
    assert.deepEqual(await said(), [
      { type: 'ready', uri: pageImage.uri },
      { type: 'mode', mode: 'kept' },
    ]);
    await tell({ type: 'result', image: pageImage, result: sampleResult(10) });
    const asked = async (): Promise<unknown> => {
      const last = (await said()).at(-1);
      return last?.type === 'request' ? last.params : undefined;
    };
    assert.deepEqual(await asked(), { view: 'map', params: { projection: 'umap', nearest: 3, seed: 9 } });
    await page.getByRole('tab', { name: 'Prefix', exact: true }).click();
    const table = { view: 'table', params: { nearest: 8, wholeWords: false } };
    assert.deepEqual(await asked(), { ...table, reference: ['file:///photos/other.jpg'] });
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

  test('tells of a token that is pointed at, and pins it by keyboard, wherever tokens are drawn', async () => {
    // Room for all of it: scrolling hides what is told.
    const { page, open } = await openLens(browser, 10, dark, { width: 2000, height: 1600 });
    for (const [tab, token, told] of [
      ['Prefix', 'h1 .token >> nth=1', /^" grey" {2}token 11probability/u],
      ['Tokens', '.token-cell >> nth=1', /^" grey" {2}token 11probability.*entropy/u],
      ['Logit lens', 'tbody tr:first-child .guess >> nth=11', /^after " grey", the embeddings/u],
    ] as const) {
      await open(tab);
      await page.locator(token).hover();
      assert.match((await page.locator('.tooltip.shown').textContent()) ?? '', told, tab);
      await page.mouse.move(5, 5);
      assert.equal(await page.locator('.tooltip.shown').count(), 0, tab);
      assert.equal(await page.locator('h1 .token.lit').count(), 0, tab);
      for (const pinned of [1, 0]) {
        await page.locator(token).press('Enter');
        await page.locator(token).evaluate((element: HTMLElement) => {
          element.blur();
        });
        assert.equal(await page.locator('h1 .token.lit').count(), pinned, tab);
      }
    }
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

  test('takes out the intervention of the row whose × is clicked, also while the rows are those of the last answer', async () => {
    const { page, asked, open } = await opened();
    await open('Counterfactuals');
    await page.locator('[data-control=Change]').selectOption('insert');
    await page.locator('[data-control=Word]').fill('dog');
    await page.locator('[data-control=Word]').press('Enter');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page.locator('[data-control=Change]').selectOption('drop');
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    const rows = page.locator('[data-view=counterfactuals] tbody tr');
    assert.equal(await rows.count(), 10, 'the rows are those of all removals');
    const names = await page
      .getByRole('button', { name: /^Take out/u })
      .evaluateAll((buttons: readonly Element[]) => buttons.map((button) => button.getAttribute('aria-label')));
    assert.deepEqual(names, ['Take out: without 0']);
    await page.getByRole('button', { name: 'Take out: without 0' }).click();
    assert.deepEqual(
      (await asked()).map(({ params }) => params),
      [{ view: 'counterfactuals', params: { interventions: [{ kind: 'insert', position: 0, word: 'dog' }] } }],
    );
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
        // Pictures that came into sight may be asked for beside it.
        const contents = (await asked()).flatMap((request) =>
          request.method === 'save' ? [request.params.content] : [],
        );
        assert.equal(contents.length, 1, `${view} as ${format}`);
        assert.match(contents[0] ?? '', start);
        await answer();
      }
    }
    await page.close();
  });

  test('says on a button that it copied, and its own label again, however often it is clicked', async () => {
    const { page } = await opened();
    await page.clock.install({ time: 0 });
    await page.clock.pauseAt(60_000);
    const button = page.locator('[title="Copy the numbers as CSV"]').first();
    await button.click();
    assert.equal(await button.textContent(), 'Done');
    await button.click();
    await page.clock.runFor(10_000);
    assert.equal(await button.textContent(), 'Copy');
    await page.close();
  });
});
