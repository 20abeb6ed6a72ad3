/** What the Prefix Lens goes through in real VS Code: reloads, several panels, a server that goes, an image that goes. */
import assert from 'node:assert/strict';
import { copyFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe } from 'node:test';
import { screenshotPath, type Frame } from './browser.js';
import { openTab, pane, press, set, settled } from './lensTabs.js';
import { testsIn, type VsCode } from './testsIn.js';
import type { Workbench } from './workbench.js';

async function setMode(lens: Frame, value: 'inspected' | 'active' | 'kept'): Promise<void> {
  await lens.locator('[data-control="This panel"]').selectOption(value);
}

function panels({ page }: Workbench): Promise<string[]> {
  return page.locator('.tab').filter({ hasText: 'Prefix: ' }).allInnerTexts();
}

/** Opens an image beside the panels. */
async function openInFront({ page, open }: Workbench, name: string): Promise<void> {
  await page.locator('.editor-group-container').first().locator('.tab').first().click();
  await open(name);
}

/** The inference process, once there is just one. */
async function onlyInference({ server, workbench }: VsCode): Promise<number> {
  for (let look = 0; look < 600; look += 1) {
    const [id, ...others] = await server.inferenceProcesses();
    if (id !== undefined && others.length === 0) return id;
    await workbench.page.waitForTimeout(100);
  }
  return assert.fail('there is not one inference process');
}

describe('the Prefix Lens, again and again', () => {
  // With a provider by name no others are tried, in processes of their own.
  const inVsCode = testsIn({ trusted: true, settings: { 'clipcap.provider': 'cpu' } });

  inVsCode(
    'comes back after a reload beside its image, with its view, its settings and what was pinned',
    async ({ workbench }) => {
      await workbench.open('coffee.jpg');
      await workbench.command('ClipCap: Inspect Prefix');
      let lens = await workbench.lens('coffee.jpg');
      await settled(lens);
      await set(lens, 'table', 'Measure', 'dot');
      await openTab(lens, 'Map');
      await set(lens, 'map', 'Neighbours', '3');
      await pane(lens, 'map').locator('.position-point').nth(6).click();
      await workbench.reload();
      lens = await workbench.lens('coffee.jpg');
      await settled(lens);
      assert.equal(await lens.getByRole('tab', { name: 'Map', exact: true }).getAttribute('aria-selected'), 'true');
      assert.equal(await pane(lens, 'map').locator('[data-control="Neighbours"]').inputValue(), '3');
      assert.equal(await pane(lens, 'map').locator('.position-point.lit').textContent(), '6');
      await openTab(lens, 'Prefix');
      assert.equal(await pane(lens, 'table').locator('[data-control="Measure"]').inputValue(), 'dot');
    },
  );

  inVsCode(
    'is never blank: it says that its script was not loaded, and loads it when asked again',
    async ({ server, workbench }) => {
      const script = join(server.extension, 'dist', 'webview.js');
      await rename(script, `${script}.away`);
      await workbench.reload();
      const page = await workbench.frameWith('#again:not([hidden])');
      await workbench.page.screenshot({ path: screenshotPath('vscode-lens-not-loaded') });
      assert.match(await page.locator('#opening').innerText(), /did not load what draws the Prefix Lens/u);
      await rename(`${script}.away`, script);
      await page.locator('#again').click();
      await settled(await workbench.lens('coffee.jpg'));
    },
  );

  inVsCode(
    'keeps its image when it is told to, and then another image gets a panel of its own',
    async ({ workbench }) => {
      await setMode(await workbench.lens('coffee.jpg'), 'kept');
      await workbench.chooseFromExplorer(['photos', 'rocket.jpg'], 'Inspect Prefix');
      await workbench.lens('rocket.jpg');
      assert.deepEqual(await panels(workbench), ['Prefix: coffee.jpg', 'Prefix: rocket.jpg']);
    },
  );

  inVsCode('follows the image in front when it is told to', async ({ workbench }) => {
    await setMode(await workbench.lens('rocket.jpg'), 'active');
    await openInFront(workbench, 'chelsea.jpg');
    const lens = await workbench.lens('chelsea.jpg');
    await settled(lens);
    assert.deepEqual(await panels(workbench), ['Prefix: coffee.jpg', 'Prefix: chelsea.jpg']);
  });

  inVsCode('does not carry what was asked of one caption over to another', async ({ server, workbench }) => {
    let lens = await workbench.lens('chelsea.jpg');
    await openTab(lens, 'Tokens');
    const last = lens.locator('.token-cell').last();
    await last.click();
    await pane(lens, 'tokens').locator('.act button').first().click();
    await settled(lens);
    await openInFront(workbench, 'moon.jpg');
    lens = await workbench.lens('moon.jpg');
    await settled(lens);
    const caption = (await server.captionByCommandLine('photos/moon.jpg')).captions[0]?.text;
    assert.equal(await pane(lens, 'tokens').locator('.said').first().innerText(), caption);
  });

  inVsCode('answers after “Restart Inference”', async (vscode) => {
    const { workbench } = vscode;
    const old = await onlyInference(vscode);
    await workbench.command('ClipCap: Restart Inference');
    const lens = await workbench.lens('moon.jpg');
    await openTab(lens, 'Heat map');
    assert.notEqual(await onlyInference(vscode), old);
  });

  inVsCode('answers although the inference process is killed while it computes', async (vscode) => {
    const { workbench } = vscode;
    const lens = await workbench.lens('moon.jpg');
    const id = await onlyInference(vscode);
    // Stopped, it surely has not answered when it is killed.
    process.kill(id, 'SIGSTOP');
    await lens.getByRole('tab', { name: 'Logit lens', exact: true }).click();
    await pane(lens, 'lens').locator('.waiting').waitFor();
    process.kill(id, 'SIGKILL');
    await settled(lens);
    await pane(lens, 'lens').locator('.guess').first().waitFor();
    assert.notEqual(await onlyInference(vscode), id);
  });

  inVsCode(
    'says so when the language server is killed while a view is computed, and computes it when asked again',
    async (vscode) => {
      const { server, workbench } = vscode;
      const lens = await workbench.lens('moon.jpg');
      const inference = await onlyInference(vscode);
      const [languageServer = assert.fail('no language server runs')] = await server.languageServers();
      // Stopped, it surely has not answered when its parent is killed.
      process.kill(inference, 'SIGSTOP');
      await lens.getByRole('tab', { name: 'Map', exact: true }).click();
      await pane(lens, 'map').locator('.waiting').waitFor();
      process.kill(languageServer, 'SIGKILL');
      const failure = pane(lens, 'map').locator('.failure');
      await failure.waitFor();
      await workbench.page.screenshot({ path: screenshotPath('vscode-lens-server-killed') });
      assert.match(await failure.innerText(), /The language server ended before it had an answer/u);
      process.kill(inference, 'SIGCONT');
      await press(lens, 'map', 'Try again');
      await pane(lens, 'map').locator('.position-point').first().waitFor();
      // The inference process has gone with its parent.
      assert.notEqual(await onlyInference(vscode), inference);
      assert.notDeepEqual(await server.languageServers(), [languageServer]);
    },
  );

  inVsCode('says so when the image has gone meanwhile, and goes on when it is back', async ({ server, workbench }) => {
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

  inVsCode('the console has no complaint but that the script was missing when it was', ({ workbench }) => {
    assert.deepEqual(
      workbench.complaints.filter((text) => !/(?:404 |Webview\.loadLocalResource).*webview\.js/u.test(text)),
      [],
    );
  });
});
