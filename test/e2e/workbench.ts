/** VS Code's window in Chromium: what a user does in it and sees in it. */
import assert from 'node:assert/strict';
import type { Browser, Frame, Locator, Page } from './browser.js';
import type { CodeServer } from './codeServer.js';

export interface Workbench {
  readonly page: Page;
  /** Errors of the console that come from the extension or its webviews. */
  readonly complaints: readonly string[];
  readonly reload: () => Promise<void>;
  /** Opens a file by its name. */
  readonly open: (name: string) => Promise<void>;
  /** Runs a command from the palette. */
  readonly command: (title: string) => Promise<void>;
  /** Chooses a colour theme. */
  readonly theme: (name: string) => Promise<void>;
  /** Chooses an item of a file's context menu in the Explorer. */
  readonly chooseFromExplorer: (path: readonly string[], item: string) => Promise<void>;
  /** The notification whose message has this text. */
  readonly notification: (text: string) => Locator;
  /** Rests the pointer on a text of the editor until the hover says what is expected, and returns the hover. */
  readonly hover: (text: string, expected: string) => Promise<Locator>;
  /** The panel's frame, once it shows a result. */
  readonly panel: () => Promise<Frame>;
  /** The frame of the Prefix Lens of a file, once it has the caption. */
  readonly lens: (name: string) => Promise<Frame>;
  /** Waits for the question with this title. */
  readonly titled: (title: string) => Promise<void>;
  /** Chooses an item of the list with this title. */
  readonly pick: (title: string, item: string) => Promise<void>;
  /** Types an answer into the input box with this title. */
  readonly answer: (title: string, text: string) => Promise<void>;
  /** The dialog that holds everything up, once it has this text. */
  readonly dialog: (text: string) => Promise<Locator>;
  /** The frame of a webview in which something matches a selector. */
  readonly frameWith: (selector: string) => Promise<Frame>;
  /** Answers VS Code's file dialog once it proposes such a path. */
  readonly chooseFile: (proposed: RegExp, path: string) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** How often something that has to appear is looked for, and how long to wait in between, in milliseconds. */
const patience = { looks: 480, between: 250, hovers: 20 };

export async function openWorkbench(browser: Browser, server: CodeServer): Promise<Workbench> {
  const page = await browser.newPage({
    viewport: { width: 1360, height: 860 },
    permissions: ['clipboard-read', 'clipboard-write'],
    reducedMotion: 'reduce',
  });
  page.setDefaultTimeout(patience.looks * patience.between);
  const complaints: string[] = [];
  page.on('console', (message) => {
    const { url } = message.location();
    const ours = /clipcap|fake\.html|webview\.js/iu;
    if (message.type() === 'error' && (ours.test(url) || ours.test(message.text()))) {
      complaints.push(`${message.text()} (${url})`);
    }
  });
  page.on('pageerror', (error) => {
    if (/clipcap|webview\.js/iu.test(error.stack ?? '')) complaints.push(String(error));
  });
  const ready = (): Promise<void> => page.locator('.explorer-folders-view .monaco-list-row').first().waitFor();
  await page.goto(server.url);
  await ready();

  const until = async <Result>(
    what: string,
    looks: number,
    look: () => Promise<Result | undefined>,
  ): Promise<Result> => {
    for (let index = 0; index < looks; index += 1) {
      const found = await look();
      if (found !== undefined) return found;
      await page.waitForTimeout(patience.between);
    }
    return assert.fail(`${what} did not appear`);
  };

  const frameWith = (what: string, content: (frame: Frame) => Locator): Promise<Frame> =>
    until(what, patience.looks, async () => {
      for (const frame of page.frames()) {
        const found = await content(frame)
          .count()
          .catch(() => 0);
        if (found > 0) return frame;
      }
      return undefined;
    });

  const input = page.locator('.quick-input-widget .quick-input-box input').first();
  const rowOf = (item: string): Locator =>
    page.locator('.quick-input-list .monaco-list-row').filter({ hasText: item }).first();
  const clickRow = async (item: string): Promise<void> => {
    const row = rowOf(item);
    await row.waitFor();
    // A pointer that rests where the list has opened brings up a row's hover, which lies over the next rows until it is gone.
    await page.mouse.move(0, 0);
    await page
      .locator('.context-view .monaco-hover')
      .first()
      .waitFor({ state: 'hidden', timeout: 4 * patience.between })
      .catch(() => undefined);
    await row.click();
  };
  const chooseInQuickInput = async (text: string, item: string): Promise<void> => {
    await input.waitFor();
    await input.fill(text);
    await clickRow(item);
  };
  /** Presses a key that opens the quick input. An image that has just opened may keep the keyboard to itself. */
  const openQuickInput = (key: string): Promise<true> =>
    until(`the quick input after ${key}`, patience.looks / 4, async () => {
      await page.keyboard.press(key);
      await input.waitFor({ timeout: 4 * patience.between }).catch(() => undefined);
      if (await input.isVisible()) return true;
      await page.locator('.part.sidebar .composite.title').first().click();
      return undefined;
    });
  const titled = (title: string): Promise<void> =>
    page.locator('.quick-input-widget .quick-input-title').filter({ hasText: title }).first().waitFor();
  const command = async (title: string): Promise<void> => {
    // The list has the commands that were there when it was opened: those of an extension may come later.
    const entry = rowOf(title);
    await until(`the command ${title}`, patience.looks / 8, async () => {
      await openQuickInput('F1');
      await input.fill(`>${title}`);
      await entry.waitFor({ timeout: 8 * patience.between }).catch(() => undefined);
      if (await entry.isVisible()) return true;
      await page.keyboard.press('Escape');
      return undefined;
    });
    await clickRow(title);
  };

  return {
    page,
    complaints,
    reload: async () => {
      // The command, unlike the browser's own reload, lets VS Code write down what it has to restore.
      await page.evaluate(() => {
        document.body.dataset['before'] = 'reload';
      });
      await command('Developer: Reload Window');
      await page.waitForFunction(() => document.body.dataset['before'] === undefined);
      await ready();
    },
    open: async (name) => {
      await openQuickInput('Control+P');
      await chooseInQuickInput(name, name);
      await page.locator('.tab.active').filter({ hasText: name }).first().waitFor();
    },
    command,
    titled,
    theme: async (name) => {
      await command('Preferences: Color Theme');
      await chooseInQuickInput(name, name);
    },
    chooseFromExplorer: async (path, item) => {
      const rows = page.locator('.explorer-folders-view .monaco-list-row');
      const [file, ...folders] = path.toReversed();
      for (const folder of folders.toReversed()) {
        const row = rows.filter({ hasText: folder }).first();
        if ((await row.getAttribute('aria-expanded')) !== 'true') await row.click();
      }
      await rows
        .filter({ hasText: file ?? '' })
        .first()
        .click({ button: 'right' });
      const entry = page.locator('.monaco-menu .action-item').filter({ hasText: item }).first();
      await entry.waitFor();
      // A menu that has just opened takes no click yet.
      await until(`the end of the menu after “${item}”`, patience.looks, async () => {
        if (!(await entry.isVisible())) return true;
        await entry.click({ timeout: patience.between }).catch(() => undefined);
        return undefined;
      });
    },
    notification: (text) =>
      page.locator('.notifications-toasts .notification-list-item').filter({ hasText: text }).first(),
    hover: async (text, expected) => {
      const target = page.locator('.view-line span span').filter({ hasText: text }).last();
      await target.waitFor();
      return until(`a hover over “${text}” with “${expected}”`, patience.hovers, async () => {
        const box = await target.boundingBox();
        if (box === null) return undefined;
        await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 4 });
        const shown = page.locator('.monaco-hover:not(.hidden) .hover-contents').filter({ hasText: expected }).first();
        for (let look = 0; look < 12; look += 1) {
          if ((await shown.count()) > 0 && (await shown.isVisible())) return shown;
          await page.waitForTimeout(patience.between);
        }
        // A hover that was answered does not change: the pointer has to leave and come back.
        await page.mouse.move(box.x + box.width / 2, 2);
        await page.keyboard.press('Escape');
        return undefined;
      });
    },
    panel: () => frameWith('the panel', (frame) => frame.locator('main[data-state=result] .position')),
    lens: (name) =>
      frameWith(`the lens of ${name}`, (frame) =>
        frame.locator('main[data-state=result] .file').filter({ hasText: name }),
      ),
    frameWith: (selector) => frameWith(`a frame with ${selector}`, (frame) => frame.locator(selector)),
    pick: async (title, item) => {
      await titled(title);
      await clickRow(item);
    },
    answer: async (title, text) => {
      await titled(title);
      await input.fill(text);
      await input.press('Enter');
    },
    dialog: async (text) => {
      const dialog = page.locator('.monaco-dialog-box').filter({ hasText: text }).first();
      await dialog.waitFor();
      return dialog;
    },
    chooseFile: async (proposed, path) => {
      await until(`a file dialog that proposes ${proposed}`, patience.looks, async () =>
        (await input.isVisible()) && proposed.test(await input.inputValue()) ? true : undefined,
      );
      const title = page.locator('.quick-input-widget .quick-input-title').first();
      const asked = await title.textContent();
      // While the dialog still reads the folder, it takes no answer, and may write its own proposal over ours; another
      // question may take its place at once.
      await until('the end of the file dialog', patience.looks, async () => {
        if (!(await input.isVisible()) || (await title.textContent()) !== asked) return true;
        if (!(await input.inputValue()).startsWith(path)) await input.fill(path);
        await input.press('Enter', { timeout: patience.between }).catch(() => undefined);
        await input.waitFor({ state: 'hidden', timeout: 4 * patience.between }).catch(() => undefined);
        return undefined;
      });
    },
    close: () => page.close(),
  };
}
