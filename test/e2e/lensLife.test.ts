/** What the Prefix Lens goes through in real VS Code: several panels, a server that goes, an image that goes. */
import assert from 'node:assert/strict';
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { screenshotPath, startBrowser, type Browser, type Frame } from './browser.js';
import { startCodeServer, type CodeServer } from './codeServer.js';
import { openTab, pane, press, settled } from './lensTabs.js';
import { testsIn } from './testsIn.js';
import { openWorkbench, type Workbench } from './workbench.js';

async function setMode(lens: Frame, value: 'inspected' | 'active' | 'kept'): Promise<void> {
  await lens.locator('[data-control="This panel"]').selectOption(value);
}

describe('the Prefix Lens, again and again', () => {
  let server: CodeServer;
  let browser: Browser;
  let workbench: Workbench;

  before(async () => {
    // With a provider by name no others are tried, in processes of their own.
    server = await startCodeServer({ trusted: true, settings: { 'clipcap.provider': 'cpu' } });
    browser = await startBrowser();
    workbench = await openWorkbench(browser, server);
  });
  after(async () => {
    await browser.close();
    await server.stop();
  });

  const inVsCode = testsIn(() => workbench);
  const panels = (): Promise<string[]> =>
    workbench.page.locator('.tab').filter({ hasText: 'Prefix: ' }).allInnerTexts();
  /** Opens an image beside the panels. */
  const openInFront = async (name: string): Promise<void> => {
    await workbench.page.locator('.editor-group-container').first().locator('.tab').first().click();
    await workbench.open(name);
  };
  /** The inference process, once there is just one. */
  const onlyInference = async (): Promise<number> => {
    for (let look = 0; look < 600; look += 1) {
      const [id, ...others] = await server.inferenceProcesses();
      if (id !== undefined && others.length === 0) return id;
      await workbench.page.waitForTimeout(100);
    }
    return assert.fail('there is not one inference process');
  };

  inVsCode('keeps its image when it is told to, and then another image gets a panel of its own', async () => {
    await workbench.open('coffee.jpg');
    await workbench.command('ClipCap: Inspect Prefix');
    const lens = await workbench.lens('coffee.jpg');
    await settled(lens);
    await setMode(lens, 'kept');
    await workbench.chooseFromExplorer(['photos', 'rocket.jpg'], 'Inspect Prefix');
    await workbench.lens('rocket.jpg');
    assert.deepEqual(await panels(), ['Prefix: coffee.jpg', 'Prefix: rocket.jpg']);
  });

  inVsCode('follows the image in front when it is told to', async () => {
    await setMode(await workbench.lens('rocket.jpg'), 'active');
    await openInFront('chelsea.jpg');
    const lens = await workbench.lens('chelsea.jpg');
    await settled(lens);
    assert.deepEqual(await panels(), ['Prefix: coffee.jpg', 'Prefix: chelsea.jpg']);
  });

  inVsCode('does not carry what was asked of one caption over to another', async () => {
    let lens = await workbench.lens('chelsea.jpg');
    await openTab(lens, 'Tokens');
    const last = lens.locator('.token-cell').last();
    await last.click();
    await pane(lens, 'tokens').locator('.act button').first().click();
    await settled(lens);
    await openInFront('moon.jpg');
    lens = await workbench.lens('moon.jpg');
    await settled(lens);
    const caption = (await server.captionByCommandLine('photos/moon.jpg')).captions[0]?.text;
    assert.equal(await pane(lens, 'tokens').locator('.said').first().innerText(), caption);
  });

  inVsCode('answers after “Restart Inference”', async () => {
    const old = await onlyInference();
    await workbench.command('ClipCap: Restart Inference');
    const lens = await workbench.lens('moon.jpg');
    await openTab(lens, 'Heat map');
    assert.notEqual(await onlyInference(), old);
  });

  inVsCode('answers although the inference process is killed while it computes', async () => {
    const lens = await workbench.lens('moon.jpg');
    const id = await onlyInference();
    // Stopped, it surely has not answered when it is killed.
    process.kill(id, 'SIGSTOP');
    await lens.getByRole('tab', { name: 'Logit lens', exact: true }).click();
    await pane(lens, 'lens').locator('.waiting').waitFor();
    process.kill(id, 'SIGKILL');
    await settled(lens);
    await pane(lens, 'lens').locator('.guess').first().waitFor();
    assert.notEqual(await onlyInference(), id);
  });

  inVsCode('says so when the image has gone meanwhile, and goes on when it is back', async () => {
    const lens = await workbench.lens('moon.jpg');
    await openTab(lens, 'Heat map');
    const file = join(server.workspace, 'photos', 'moon.jpg');
    await copyFile(file, `${file}.kept`);
    await rm(file);
    await lens.getByRole('tab', { name: 'Attention', exact: true }).click();
    const failure = pane(lens, 'attention').locator('.failure');
    await failure.waitFor();
    await workbench.page.screenshot({ path: screenshotPath('vscode-lens-image-gone') });
    assert.match(await failure.innerText(), /moon\.jpg does not exist/u);
    await copyFile(`${file}.kept`, file);
    await press(lens, 'attention', 'Try again');
  });

  test('nothing was complained about in the console', () => {
    assert.deepEqual(workbench.complaints, []);
  });
});
