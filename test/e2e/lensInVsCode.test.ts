/** The Prefix Lens in real VS Code, on the built-in pack: every view, with the numbers of the command line. */
import assert from 'node:assert/strict';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe } from 'node:test';
import { lensViews, type InspectDocument, type LensView } from '@clipcap/protocol/lens';
import { assertAlike } from './alike.js';
import { screenshotPath, type Frame } from './browser.js';
import { countRequests, exported, openTab, pane, press, set, settled, tabOf, tabs } from './lensTabs.js';
import { assertReportDraws } from './reportPage.js';
import { testsIn, type VsCode } from './testsIn.js';
import type { Workbench } from './workbench.js';

const photo = 'chelsea.jpg';

/** What each view draws of a prefix of 10 positions. */
const drawn: Readonly<Record<LensView, string>> = {
  table: '.position .bar .value',
  heatmap: '[role=group][aria-label^="Cosine of prefix positions"]',
  map: '.position-point',
  tokens: '.token-cell',
  beams: '.beam.finished',
  attention: '[role=group][aria-label^="Attention"]',
  lens: '.guess',
  counterfactuals: 'tbody .signed',
  occlusion: '.overlay .cells rect',
  compare: '.item',
  encoder: 'tbody .across',
};

describe('the Prefix Lens in real VS Code', () => {
  let lens: Frame;
  let expected: InspectDocument;
  const inVsCode = testsIn(
    {
      trusted: true,
      settings: { 'workbench.colorTheme': 'Default Dark Modern', 'files.simpleDialog.enable': true },
    },
    async ({ server }) => {
      await mkdir(join(server.workspace, 'exports'));
      expected = await server.inspectByCommandLine(`photos/${photo}`, '--with-decode', 'greedy');
    },
  );
  const open = async (view: LensView): Promise<void> => openTab(lens, tabOf[view]);
  const save = (
    { server, workbench }: VsCode,
    view: LensView,
    format: 'svg' | 'png' | 'csv' | 'json',
  ): Promise<Buffer> => exported(workbench, server, lens, view, format);

  inVsCode('opens beside the editor from the Explorer', async ({ workbench }) => {
    await workbench.open('README.md');
    await workbench.chooseFromExplorer(['photos', photo], 'Inspect Prefix');
    lens = await workbench.lens(photo);
    const groups = workbench.page.locator('.editor-group-container');
    assert.equal(await groups.count(), 2);
    await groups
      .last()
      .locator('.tab')
      .filter({ hasText: `Prefix: ${photo}` })
      .waitFor();
    await groups.first().locator('.tab').filter({ hasText: 'README.md' }).waitFor();
    // Room for the views.
    await groups.last().locator('.tab').first().click();
    await workbench.command('View: Close Editors in Other Groups');
    await groups.nth(1).waitFor({ state: 'detached' });
    await workbench.page.keyboard.press('Control+B');
  });

  for (const view of lensViews) {
    inVsCode(`draws the view ${view}, whose JSON has the numbers of the command line`, async (vscode) => {
      await open(view);
      if (view === 'compare') await set(lens, view, 'Another decoding', 'greedy');
      await pane(lens, view).locator(drawn[view]).first().waitFor();
      assertAlike(JSON.parse(String(await save(vscode, view, 'json'))), expected.views[view]);
    });
  }

  inVsCode('saves the table as CSV, SVG and PNG', async (vscode) => {
    const { workbench } = vscode;
    const { positions } = expected.views.table ?? assert.fail('the command line has no table');
    await open('table');
    const [head = '', ...rows] = String(await save(vscode, 'table', 'csv'))
      .trimEnd()
      .split(/\r?\n/u);
    assert.match(head, /^position,norm,/u);
    assert.deepEqual(
      rows.map((row) => Number(row.split(',')[1]).toFixed(4)),
      positions.map(({ norm }) => norm.toFixed(4)),
    );
    const svg = String(await save(vscode, 'table', 'svg'));
    for (const { nearest } of positions) {
      const word = nearest.cosine[0]?.text.trim() ?? '';
      assert.ok(svg.includes(`>${word}</text>`), `the SVG has no “${word}”`);
    }
    const [width = 0, height = 0] = (/width="(\d+)" height="(\d+)"/u.exec(svg) ?? []).slice(1).map(Number);
    const png = await save(vscode, 'table', 'png');
    assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [2 * width, 2 * height]);
    assert.ok(await hasColours(workbench, png), 'the PNG is of one colour');
  });

  inVsCode('saves the occlusion map with the photo under it', async (vscode) => {
    await open('occlusion');
    assert.match(String(await save(vscode, 'occlusion', 'svg')), /<image href="data:image\/jpeg;base64,/u);
  });

  inVsCode(
    'writes a report by the packaged command line, which a browser draws by itself',
    async ({ server, browser }) => {
      const file = join(server.workspace, 'exports', 'command-line.html');
      await server.inspectByCommandLine(`photos/${photo}`, '--with-decode', 'greedy', '--report', file);
      await assertReportDraws(browser, file, 'report-of-command-line', 'light');
    },
  );

  inVsCode('saves a report of all views, which a browser draws by itself', async ({ server, browser, workbench }) => {
    const file = join(server.workspace, 'exports', 'lens.html');
    await lens.getByRole('button', { name: 'Save report…' }).click();
    await Promise.all([
      lens.locator('.panel-foot').getByRole('button', { name: 'Done', exact: true }).waitFor(),
      workbench.chooseFile(/\/photos\/chelsea\.jpg\.lens\.html$/u, file),
    ]);
    await assertReportDraws(browser, file, 'report-of-vscode', 'dark');
    const page = await browser.newPage();
    await page.goto(pathToFileURL(file).href);
    const data = await page.locator('#lens-data').textContent();
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- compared in full
    const { views } = JSON.parse(data ?? '') as InspectDocument;
    assertAlike(Object.fromEntries(lensViews.map((view) => [view, views[view]])), { ...expected.views });
    await page.close();
  });

  inVsCode('switches the measure without asking for anything', async () => {
    const { positions } = expected.views.table ?? assert.fail('the command line has no table');
    await open('table');
    const asked = await countRequests(lens);
    for (const metric of ['dot', 'euclidean', 'centred', 'cosine'] as const) {
      await set(lens, 'table', 'Measure', metric);
      const ids = await pane(lens, 'table')
        .locator('.position tr.first')
        .evaluateAll((rows: readonly HTMLElement[]) => rows.map((row) => Number(row.dataset['token'])));
      assert.deepEqual(
        ids,
        positions.map(({ nearest }) => nearest[metric][0]?.id),
        metric,
      );
    }
    assert.equal(await asked(), 0);
    // The counting itself sees a request.
    await set(lens, 'table', 'Words', '3');
    assert.equal(await asked(), 1);
    await set(lens, 'table', 'Words', '8');
  });

  inVsCode('lights up a token of the caption in the view too, and keeps a clicked position in all views', async () => {
    await open('tokens');
    await lens.locator('h1 .token').nth(2).hover();
    await lens.locator('.token-cell.lit').waitFor();
    const lit = await lens
      .locator('.token-cell')
      .evaluateAll((cells: readonly HTMLElement[]) => cells.map((cell) => cell.classList.contains('lit')));
    assert.equal(lit.indexOf(true), 2);
    await open('table');
    await lens.locator('.place').nth(7).hover();
    assert.equal(await pane(lens, 'table').locator('.position.lit .number').textContent(), '7');
    await pane(lens, 'table').locator('.position').nth(4).locator('tr.first').click();
    await open('map');
    assert.equal(await pane(lens, 'map').locator('.position-point.lit').textContent(), '4');
    await open('counterfactuals');
    await pane(lens, 'counterfactuals').locator('tr.lit').filter({ hasText: 'without 4' }).waitFor();
    await open('lens');
    await pane(lens, 'lens').locator('th.lit').filter({ hasText: '4' }).waitFor();
  });

  inVsCode('shows the caption without a position, and with a word put in', async (vscode) => {
    const { server } = vscode;
    const interventions = ['--try', 'drop:3', '--try', 'insert:0:beach'];
    const { views } = await server.inspectByCommandLine(
      `photos/${photo}`,
      '--view',
      'counterfactuals',
      ...interventions,
    );
    const results = views.counterfactuals?.results ?? [];
    assert.equal(results.length, 2);
    await open('counterfactuals');
    await set(lens, 'counterfactuals', 'Position', '3');
    await press(lens, 'counterfactuals', 'Add');
    await set(lens, 'counterfactuals', 'Change', 'insert');
    await set(lens, 'counterfactuals', 'Position', '0');
    await set(lens, 'counterfactuals', 'Word', 'beach');
    await press(lens, 'counterfactuals', 'Add');
    assertAlike(JSON.parse(String(await save(vscode, 'counterfactuals', 'json'))), views.counterfactuals);
    const rows = pane(lens, 'counterfactuals').locator('tbody tr');
    for (const [index, { change, caption }] of results.entries()) {
      const row = rows.nth(index);
      assert.equal(
        Number((await row.locator('.figure').innerText()).replace('−', '-')).toFixed(2),
        change.toFixed(2).replace('-0.00', '0.00'),
      );
      // What came and what stayed is the new caption.
      const said = await row
        .locator('.said .diff > :not(del)')
        .evaluateAll((parts: readonly HTMLElement[]) => parts.map((part) => part.textContent));
      assert.equal(said.join(' '), caption.text);
    }
  });

  inVsCode('decodes again from a token that was forced', async ({ server }) => {
    const alternative = expected.views.tokens?.tokens[1]?.alternatives[1] ?? assert.fail('there is no alternative');
    const { views } = await server.inspectByCommandLine(
      `photos/${photo}`,
      '--view',
      'tokens',
      '--force',
      `1:${alternative.id}`,
    );
    await open('tokens');
    await lens.locator('.token-cell').nth(1).click();
    await press(lens, 'tokens', `Force “${alternative.text.trim()}”`);
    assert.equal(await pane(lens, 'tokens').locator('.said').first().innerText(), views.tokens?.caption.text);
    assert.notEqual(views.tokens?.caption.text, expected.views.tokens?.caption.text);
    await press(lens, 'tokens', 'Back to the model’s own caption');
    assert.equal(await pane(lens, 'tokens').locator('.said').first().innerText(), expected.views.tokens?.caption.text);
  });

  for (const [name, theme, bodyClass] of [
    ['light', 'Light Modern', 'vscode-light'],
    ['high-contrast', 'Dark High Contrast', 'vscode-high-contrast'],
    ['dark', 'Dark Modern', 'vscode-dark'],
  ] as const) {
    inVsCode(`shows every view in the theme “${theme}”`, async ({ workbench }) => {
      const { page } = workbench;
      await workbench.theme(theme);
      lens = await workbench.lens(photo);
      await lens.locator(`body.${bodyClass}`).waitFor();
      await page.setViewportSize({ width: 980, height: 1500 });
      for (const [index, tab] of tabs.entries()) {
        await openTab(lens, tab);
        await settled(lens);
        await page.screenshot({ path: screenshotPath(`vscode-lens-${name}-${index}`) });
      }
    });
  }

  inVsCode('compares the photo with those of a folder, not with itself', async ({ server, workbench }) => {
    await open('compare');
    await pane(lens, 'compare').getByRole('button', { name: 'Choose folder…' }).click();
    await workbench.chooseFile(/\/photos\/$/u, join(server.workspace, 'photos'));
    await pane(lens, 'compare').locator('.measures').waitFor();
    await settled(lens);
    const files = (await readdir(join(server.workspace, 'photos'))).filter((name) => name !== photo);
    const shown = await pane(lens, 'compare').locator('.item .file').allInnerTexts();
    assert.deepEqual(shown.slice(1).toSorted(), files.toSorted());
    await workbench.page.screenshot({ path: screenshotPath('vscode-lens-compare-folder') });
  });

  inVsCode('shows every view with its picture for the documentation', async ({ server, workbench }) => {
    const photos = join(server.workspace, 'photos');
    const few = join(photos, 'few');
    await mkdir(few);
    for (const name of ['camera.jpg', 'coffee.jpg', 'rocket.jpg']) await copyFile(join(photos, name), join(few, name));
    await workbench.page.setViewportSize({ width: 1000, height: 1500 });
    await open('table');
    await set(lens, 'table', 'Look', 'table');
    await set(lens, 'table', 'Words', '5');
    await open('tokens');
    await lens.locator('.token-cell').nth(1).click();
    await open('counterfactuals');
    await press(lens, 'counterfactuals', 'Importance of every position');
    await open('occlusion');
    await set(lens, 'occlusion', 'Of', '1');
    await open('compare');
    await pane(lens, 'compare').getByRole('button', { name: 'Choose folder…' }).click();
    await workbench.chooseFile(/\/photos\/$/u, few);
    await pane(lens, 'compare').locator('.item').nth(5).waitFor({ state: 'detached' });
    await settled(lens);
    for (const view of lensViews) {
      await open(view);
      await workbench.page.mouse.move(2, 2);
      await pane(lens, view).screenshot({ path: screenshotPath(`lens-${view}`) });
    }
  });

  inVsCode('nothing was complained about in the console', ({ workbench }) => {
    assert.deepEqual(workbench.complaints, []);
  });
});

/** Whether a bitmap, drawn by the browser, has more than one colour. */
function hasColours({ page }: Workbench, png: Buffer): Promise<boolean> {
  return page.evaluate(async (base64: string) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.codePointAt(0) ?? 0);
    const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext('2d');
    context?.drawImage(image, 0, 0);
    const pixels = new Uint32Array(context?.getImageData(0, 0, image.width, image.height).data.buffer ?? []);
    return pixels.some((pixel) => pixel !== pixels[0]);
  }, png.toString('base64'));
}
