/** The packaged extension in real VS Code, used as a user uses it. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from 'node:test';
import { root } from '../root.js';
import { screenshotPath, type Frame, type Locator } from './browser.js';
import { testsIn, type VsCode } from './testsIn.js';
import type { Workbench } from './workbench.js';

/** What the panel's frame says, position by position. */
function wordsDrawn(frame: Frame): Promise<readonly { position: number; words: readonly string[] }[]> {
  return frame.locator('.position').evaluateAll((cards: readonly HTMLTableElement[]) =>
    cards.map((card) => ({
      position: Number(card.querySelector('.number')?.textContent),
      words: Array.from(card.querySelectorAll('tbody tr'), (row) => {
        // As laid out: bars grow into sight.
        const width = row.querySelector<HTMLElement>('.value')?.offsetWidth ?? 0;
        return `${row.getAttribute('data-token')} ${row.querySelector('.score')?.textContent} ${width > 0 ? 'bar' : 'none'}`;
      }),
    })),
  );
}

/** A picture of a hover as the README shows it, with the image that VS Code itself adds once it has read the document. */
async function pictureOfHover({ page, hover }: Workbench, text: string, expected: string): Promise<void> {
  for (let look = 0; look < 10 && (await page.locator('.monaco-hover:not(.hidden) img').count()) === 0; look += 1) {
    await page.mouse.move(700, 2);
    await page.keyboard.press('Escape');
    await hover(text, expected);
    await page.waitForTimeout(500);
  }
  const clip = { x: 352, y: 36, width: 660, height: 530 };
  await page.screenshot({ path: screenshotPath('readme-hover'), clip });
}

/** The panel's frame shows what the command line says about a file of the workspace. */
async function expectPanel({ server, workbench }: VsCode, path: string): Promise<void> {
  const expected = await server.captionByCommandLine(path);
  const frame = await workbench.panel();
  assert.equal(await frame.locator('h1').textContent(), expected.captions[0]?.text);
  assert.deepEqual(
    await wordsDrawn(frame),
    expected.prefix.map(({ position, nearest }) => ({
      position,
      words: nearest.map(({ id, score }) => `${id} ${score.toFixed(2)} bar`),
    })),
  );
}

/** Waits until the clipboard has this text. */
async function clipboardHas({ page }: Workbench, text: string): Promise<void> {
  await page.waitForFunction(async (expected) => (await navigator.clipboard.readText()) === expected, text);
}

describe('the packaged extension in real VS Code', () => {
  const inVsCode = testsIn({ trusted: true, settings: { 'workbench.colorTheme': 'Default Dark Modern' } });

  inVsCode(
    'the Explorer’s context menu captions a photo, and Copy copies the caption',
    async ({ server, workbench }) => {
      const expected = (await server.captionByCommandLine('photos/chelsea.jpg')).captions[0]?.text ?? '';
      await workbench.chooseFromExplorer(['photos', 'chelsea.jpg'], 'Caption This Image');
      const notification = workbench.notification(`chelsea.jpg: “${expected}”`);
      await notification.waitFor();
      await workbench.page.screenshot({ path: screenshotPath('vscode-notification') });
      await notification.locator('.monaco-button').filter({ hasText: 'Copy' }).first().click();
      await notification.waitFor({ state: 'hidden' });
      await clipboardHas(workbench, expected);
    },
  );

  inVsCode(
    'several photos from the Explorer give one summary, which copies all captions, and the log has them',
    async ({ server, workbench }) => {
      const { page } = workbench;
      const photos = ['chelsea.jpg', 'coffee.jpg', 'rocket.jpg'];
      const captions = await Promise.all(photos.map((name) => server.captionByCommandLine(`photos/${name}`)));
      const lines = captions.map(({ captions: [best] }, index) => `photos/${photos[index]}: “${best?.text}”`);
      const table = captions.map(({ captions: [best] }, index) => `photos/${photos[index]}\t${best?.text}\n`).join('');
      const row = (name: string): Locator =>
        page.locator('.explorer-folders-view .monaco-list-row').filter({ hasText: name }).first();
      if ((await row('photos').getAttribute('aria-expanded')) !== 'true') await row('photos').click();
      const [first = '', ...others] = photos;
      await row(first).click();
      // The Explorer selects what the editor shows once more when it has opened: adding to the selection waits for that.
      await page.locator('.tab.active').filter({ hasText: first }).waitFor();
      await page.waitForTimeout(1000);
      for (const name of others) {
        await row(name).click({ modifiers: ['Control'] });
        await page
          .locator('.explorer-folders-view .monaco-list-row.selected')
          .filter({ hasText: name })
          .first()
          .waitFor();
      }
      await workbench.chooseFromExplorer(['photos', 'rocket.jpg'], 'Caption This Image');
      const summary = workbench.notification('Captioned 3 of 3 images.');
      await summary.waitFor();
      await summary.locator('.monaco-button').filter({ hasText: 'Show Captions' }).first().waitFor();
      await summary.locator('.monaco-button').filter({ hasText: 'Copy All' }).first().click();
      await clipboardHas(workbench, table);
      await workbench.command('ClipCap: Show Log');
      // The log breaks lines where it has to, so spaces do not count.
      await page.waitForFunction((wanted) => {
        const drawn = [...document.querySelectorAll<HTMLElement>('.output-view .view-line')];
        const text = drawn
          .toSorted((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
          .map((line) => line.textContent)
          .join('');
        return wanted.every((line) => text.replaceAll(/\s/gu, '').includes(line.replaceAll(/\s/gu, '')));
      }, lines);
      await page.keyboard.press('Control+J');
      await page.locator('.output-view').waitFor({ state: 'hidden' });
    },
  );

  inVsCode('the palette’s command captions the image that is open', async ({ server, workbench }) => {
    const expected = (await server.captionByCommandLine('photos/coffee.jpg')).captions[0]?.text ?? '';
    await workbench.open('coffee.jpg');
    await workbench.command('ClipCap: Caption This Image');
    await workbench.notification(`coffee.jpg: “${expected}”`).waitFor();
  });

  inVsCode('with an image in front, the status bar names the state', async ({ workbench }) => {
    const item = workbench.page.locator('.statusbar-item').filter({ hasText: 'ClipCap' }).first();
    await item.waitFor();
    const label = await item.locator('a').first().getAttribute('aria-label');
    assert.match(label ?? '', /^ClipCap: model .+, provider cpu, ready$/u);
  });

  inVsCode(
    'a hover in Markdown shows the caption, its confidence, copies it and leads to the prefix',
    async (vscode) => {
      const { server, workbench } = vscode;
      const [expected] = (await server.captionByCommandLine('photos/astronaut.jpg')).captions;
      await workbench.open('README.md');
      const hover = await workbench.hover('photos/astronaut.jpg', expected?.text ?? '');
      const text = await hover.innerText();
      assert.ok(text.includes(`Confidence ${Math.exp(expected?.score ?? 0).toFixed(2)}`), text);
      await pictureOfHover(workbench, 'photos/astronaut.jpg', expected?.text ?? '');
      const first = await workbench.hover('photos/astronaut.jpg', expected?.text ?? '');
      await first.locator('a').filter({ hasText: 'Copy' }).first().click();
      await clipboardHas(workbench, expected?.text ?? '');
      const again = await workbench.hover('photos/astronaut.jpg', expected?.text ?? '');
      await again.locator('a').filter({ hasText: 'Inspect Prefix' }).first().click();
      await expectPanel(vscode, 'photos/astronaut.jpg');
    },
  );

  inVsCode(
    'the light bulb of an image without alt text writes its caption, here of all such images',
    async (vscode) => {
      const { server, workbench } = vscode;
      const { page } = workbench;
      const texts = await Promise.all(
        ['chelsea', 'coffee'].map(async (name) => {
          return (await server.captionByCommandLine(`photos/${name}.jpg`)).captions[0]?.text;
        }),
      );
      await writeFile(join(server.workspace, 'bare.md'), '![](photos/chelsea.jpg)\n\n<img src="photos/coffee.jpg">\n');
      await workbench.open('bare.md');
      await page.locator('.monaco-editor .view-line').filter({ hasText: 'chelsea' }).first().click();
      await page.keyboard.press('Control+.');
      const menu = page.locator('.action-widget').first();
      const all = menu.locator('.action').filter({ hasText: 'Use Captions as Alt Text of All 2 Images' }).first();
      await all.waitFor();
      await page.screenshot({ path: screenshotPath('vscode-alt-text') });
      await all.click();
      await menu.waitFor({ state: 'hidden' });
      const expected = `![${texts[0]}](photos/chelsea.jpg)\n\n<img alt="${texts[1]}" src="photos/coffee.jpg">\n`;
      const file = join(server.workspace, 'bare.md');
      // The edit comes once both are captioned.
      for (let look = 0; look < 40 && (await readFile(file, 'utf8')) !== expected; look++) {
        await page.keyboard.press('Control+S');
        await page.waitForTimeout(250);
      }
      assert.equal(await readFile(file, 'utf8'), expected);
      await workbench.command('View: Close Editor');
    },
  );

  inVsCode(
    'the status bar item is there with the panel and Markdown in front, and not with other files',
    async ({ workbench }) => {
      const item = workbench.page.locator('.statusbar-item').filter({ hasText: 'ClipCap' }).first();
      const panelTab = workbench.page.locator('.tab').filter({ hasText: 'Prefix:' }).first();
      await panelTab.click();
      await item.waitFor();
      await workbench.page.locator('.tab').filter({ hasText: 'README.md' }).first().click();
      await item.waitFor();
      await workbench.command('File: New Untitled Text File');
      await item.waitFor({ state: 'hidden' });
      await workbench.command('View: Close Editor');
      await item.waitFor();
    },
  );

  inVsCode(
    'the language status names pack and provider, and leads to other models, the log and a restart',
    async ({ workbench }) => {
      const { page } = workbench;
      await page.locator('.tab').filter({ hasText: 'README.md' }).first().click();
      await page.locator('[id="status.languageStatus"]').first().hover();
      const expected = {
        'ClipCap model: ': ['Choose Model…', 'Show Log', 'Restart'],
        'Provider cpu: ready': ['Show Log', 'Restart'],
      };
      for (const [start, leads] of Object.entries(expected)) {
        const shown = page.locator('.hover-language-status').filter({ hasText: start }).first();
        await shown.waitFor();
        const links = await shown.locator('a').allInnerTexts();
        for (const link of leads) assert.ok(links.includes(link), `${link} is not in ${links.join()}`);
      }
      await page.screenshot({ path: screenshotPath('vscode-language-status') });
      await page.keyboard.press('Escape');
    },
  );

  inVsCode('the panel is there again after the window was reloaded', async (vscode) => {
    const { workbench } = vscode;
    await workbench.reload();
    await expectPanel(vscode, 'photos/astronaut.jpg');
  });

  inVsCode(
    'a hover finds a photo whose name has spaces, #, % and Cyrillic letters, in Markdown and in HTML',
    async ({ server, workbench }) => {
      const expected = (await server.captionByCommandLine('photos/chelsea.jpg')).captions[0]?.text ?? '';
      await workbench.open('README.md');
      await workbench.hover('наша', expected);
      await workbench.open('page.html');
      await workbench.hover('%D0%BD', expected);
    },
  );

  inVsCode('the panel shows the right words, in every theme', async (vscode) => {
    const { server, workbench } = vscode;
    const themes = {
      dark: 'Dark Modern',
      light: 'Light Modern',
      'high-contrast': 'Dark High Contrast',
    };
    const [expected] = (await server.captionByCommandLine('photos/raccoon.jpg')).captions;
    await workbench.chooseFromExplorer(['photos', 'raccoon.jpg'], 'Inspect Prefix');
    for (const [name, theme] of Object.entries(themes)) {
      await workbench.theme(theme);
      const frame = await workbench.panel();
      const wanted = { dark: 'vscode-dark', light: 'vscode-light', 'high-contrast': 'vscode-high-contrast' }[name];
      await frame.locator(`body.${wanted} .file`).filter({ hasText: 'raccoon.jpg' }).waitFor();
      await expectPanel(vscode, 'photos/raccoon.jpg');
      await workbench.page.screenshot({ path: screenshotPath(`vscode-panel-${name}`) });
      await workbench.open('README.md');
      await workbench.hover('photos/raccoon.jpg', expected?.text ?? '');
      await workbench.page.screenshot({ path: screenshotPath(`vscode-hover-${name}`) });
    }
  });

  inVsCode('the panel uses the room that it is given', async (vscode) => {
    const { workbench } = vscode;
    const { page } = workbench;
    await workbench.theme('Dark Modern');
    await page.setViewportSize({ width: 2460, height: 1215 });
    await workbench.chooseFromExplorer(['photos', 'astronaut.jpg'], 'Inspect Prefix');
    await page.keyboard.press('Control+B');
    const frame = await workbench.panel();
    await frame.locator('body.vscode-dark .file').filter({ hasText: 'astronaut.jpg' }).waitFor();
    await expectPanel(vscode, 'photos/astronaut.jpg');
    const clip = (await page.locator('iframe.webview').last().boundingBox()) ?? assert.fail('the panel is not in view');
    const columns = new Set(
      await frame
        .locator('.position')
        .evaluateAll((cards: readonly HTMLElement[]) => cards.map((card) => card.getBoundingClientRect().left)),
    );
    assert.equal(columns.size, 5, `columns in ${clip.width} px`);
    await page.screenshot({ path: screenshotPath('readme-panel'), clip });
  });

  inVsCode('its processes use nothing of the repository', async ({ server }) => {
    const files = await server.filesInUse();
    assert.ok(
      files.some((path) => path.startsWith(server.extension) && path.includes('libonnxruntime')),
      `ONNX Runtime is not loaded from ${server.extension}: ${files.join(' ')}`,
    );
    const vscodeItself = `${root}/test/vscode/node_modules/`;
    const ofRepository = files.filter((path) => path.startsWith(`${root}/`) && !path.startsWith(vscodeItself));
    assert.deepEqual(ofRepository, []);
  });

  inVsCode('nothing was complained about in the console', ({ workbench }) => {
    assert.deepEqual(workbench.complaints, []);
  });
});
