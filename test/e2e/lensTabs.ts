/// <reference lib="dom" />
/** The Prefix Lens as a user goes through it in VS Code: its tabs, what they ask for, and what is taken out of them. */
import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { LensView } from '@clipcap/protocol/lens';
import type { SavedFormat } from '@clipcap/protocol/panel';
import type { Frame, Locator } from './browser.js';
import type { CodeServer } from './codeServer.js';
import type { Workbench } from './workbench.js';

/** Each view's tab. */
export const tabOf: Readonly<Record<LensView, string>> = {
  table: 'Prefix',
  heatmap: 'Heat map',
  map: 'Map',
  tokens: 'Tokens',
  beams: 'Tokens',
  attention: 'Attention',
  lens: 'Logit lens',
  counterfactuals: 'Counterfactuals',
  occlusion: 'Where in the image',
  compare: 'Compare',
  encoder: 'Encoder’s words',
};

/** The views' tabs, in their order. */
export const tabs = [...new Set(Object.values(tabOf))];

export function pane(frame: Frame, view: LensView): Locator {
  return frame.locator(`.pane[data-view=${view}]`);
}

/** Waits until nothing of the lens is being computed; a view that could not be computed fails the test. */
export async function settled(frame: Frame): Promise<void> {
  await frame.locator('.view:not([hidden]) .pane[aria-busy]').first().waitFor({ state: 'detached' });
  assert.deepEqual(await frame.locator('.view:not([hidden]) .failure').allInnerTexts(), []);
}

/** Opens a tab and waits for its views. */
export async function openTab(frame: Frame, tab: string): Promise<void> {
  await frame.getByRole('tab', { name: tab, exact: true }).click();
  await settled(frame);
}

/** Sets a control of a view, by its label. */
export async function set(frame: Frame, view: LensView, label: string, value: string): Promise<void> {
  const control = pane(frame, view).locator(`.controls [data-control="${label}"]`);
  if ((await control.evaluate((element: Element) => element.tagName)) === 'SELECT') await control.selectOption(value);
  else {
    await control.fill(value);
    await control.press('Enter');
  }
  await settled(frame);
}

/** Presses a control of a view, by its label. */
export async function press(frame: Frame, view: LensView, label: string): Promise<void> {
  await pane(frame, view).getByRole('button', { name: label, exact: true }).first().click();
  await settled(frame);
}

/** Counts what the webview asks its host for from now on. All that it says passes a port of the frame around it. */
export async function countRequests(frame: Frame): Promise<() => Promise<number>> {
  const around = frame.parentFrame() ?? assert.fail('a webview lies in a frame of VS Code');
  await around.evaluate(() => {
    document.body.dataset['asked'] = '0';
    const post = Reflect.get(MessagePort.prototype, 'postMessage');
    MessagePort.prototype.postMessage = function (this: MessagePort, ...said: unknown[]) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- VS Code's own message around that of the webview
      const [first] = said as [{ data?: { message?: { type?: unknown } } } | undefined];
      if (first?.data?.message?.type === 'request') {
        document.body.dataset['asked'] = String(Number(document.body.dataset['asked']) + 1);
      }
      Reflect.apply(post, this, said);
    };
  });
  return () => around.evaluate(() => Number(document.body.dataset['asked']));
}

/** Saves a view by VS Code's dialog and reads the file that it wrote. */
export async function exported(
  { chooseFile }: Workbench,
  { workspace }: CodeServer,
  frame: Frame,
  view: LensView,
  format: SavedFormat,
): Promise<Buffer> {
  const file = join(workspace, 'exports', `${view}.${format}`);
  // Else VS Code asks whether to write over it.
  await rm(file, { force: true });
  const button = pane(frame, view).locator(`[title="Save as ${format.toUpperCase()}"]`);
  await button.click();
  // What the button says of it does not stay for long.
  await Promise.all([
    button.filter({ hasText: 'Done' }).waitFor(),
    chooseFile(new RegExp(`/photos/[^/]+\\.${view}\\.${format}$`, 'u'), file),
  ]);
  return readFile(file);
}
