/** “Get a Model…” in real VS Code, against a fake of the hub on this machine: consent, progress, refusals. */
import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe } from 'node:test';
import { FakeHub } from '../fakeHub.js';
import { fixture } from '../root.js';
import { screenshotPath, type Locator } from './browser.js';
import { testsIn, type VsCode } from './testsIn.js';
import type { Workbench } from './workbench.js';

/** Its size is known to the hub only, so that a small file can stand in for it. */
const model = { title: 'ClipCap, trained on COCO (MLP)', id: 'clipcap-coco' };
const file = 'akhaliq/CLIP-prefix-captioning-COCO-weights/coco_weights.pt';
const which = 'Which model?';

async function picture({ page }: Workbench, name: string): Promise<void> {
  await page.screenshot({ path: screenshotPath(`vscode-get-${name}`) });
}

function button(place: Locator, label: string): Locator {
  return place.locator('.monaco-button').filter({ hasText: label }).first();
}

/** Agrees to what is asked, first that the server may be asked for the size. */
async function agree(workbench: Workbench): Promise<void> {
  await button(await workbench.dialog('how large'), 'Ask for the Size').click();
  await button(await workbench.dialog('Download ClipCap'), 'Download').click();
}

/** The entries of the folder of models. */
function stored({ server }: VsCode): Promise<string[]> {
  return readdir(server.models).catch(() => []);
}

describe('“Get a Model…” in real VS Code', () => {
  let hub: FakeHub;
  let weights: Buffer;
  const inVsCode = testsIn(async () => {
    hub = await FakeHub.start();
    weights = await readFile(fixture('import/mlp.pt'));
    hub.put(file, weights);
    return { trusted: true, machineSettings: { 'clipcap.download.endpoint': hub.endpoint } };
  });
  after(() => hub.stop());

  inVsCode(
    'asks nobody anything before the user agrees, and shows size and licence with each question',
    async (vscode) => {
      const { workbench } = vscode;
      await workbench.command('ClipCap: Get a Model…');
      await workbench.titled(which);
      await picture(workbench, '1-list');
      await workbench.pick(which, model.title);
      const first = await workbench.dialog('how large');
      await picture(workbench, '2-size');
      const asked = await first.innerText();
      assert.ok(asked.includes(new URL(hub.endpoint).host), asked);
      assert.match(asked, /about 636\.0 MB/u);
      assert.match(asked, /Licence: The authors' code is MIT/u);
      assert.equal(hub.connections, 0);
      await button(first, 'Ask for the Size').click();
      const second = await workbench.dialog('Download ClipCap');
      await picture(workbench, '3-download');
      const size = weights.length.toLocaleString('en');
      assert.ok((await second.innerText()).includes(`${size} bytes`), await second.innerText());
      await button(second, 'Cancel').click();
      await second.waitFor({ state: 'hidden' });
      assert.deepEqual(hub.asked('files', 'GET'), []);
      assert.deepEqual(await stored(vscode), []);
    },
  );

  inVsCode(
    'shows how far a download is; cancelled, it is no model, and what came is kept for the next time',
    async (vscode) => {
      const { server, workbench } = vscode;
      hub.trouble = (request, response, from) => {
        if (from !== 'files' || request.method !== 'GET') return false;
        response.writeHead(200, { 'content-length': weights.length, etag: hub.etag });
        response.write(weights.subarray(0, weights.length / 2));
        return true;
      };
      await workbench.command('ClipCap: Get a Model…');
      await workbench.pick(which, model.title);
      await agree(workbench);
      const running = workbench.notification('of 587.1 kB');
      await running.waitFor();
      await picture(workbench, '4-progress');
      await running.getByRole('button', { name: 'Cancel' }).first().click();
      await running.waitFor({ state: 'hidden' });
      hub.trouble = () => false;
      assert.doesNotMatch(await server.commandLine('models'), /Here: /u);
      await workbench.command('ClipCap: Get a Model…');
      await workbench.pick(which, model.title);
      await agree(workbench);
      await workbench.notification(`${model.title} is here.`).waitFor();
      await picture(workbench, '5-here');
      assert.match(hub.asked('files', 'GET').at(-1)?.range ?? '', /^bytes=[1-9]\d*-$/u);
      assert.ok((await readFile(join(server.models, model.id, 'coco_weights.pt'))).equals(weights));
    },
  );

  inVsCode('offers it to “Import Checkpoint…” at once', async ({ workbench }) => {
    await button(workbench.notification(`${model.title} is here.`), 'Import Checkpoint…').click();
    const title = 'Which ClipCap checkpoint?';
    await workbench.titled(title);
    await picture(workbench, '6-import');
    await workbench.page
      .locator('.quick-input-list .monaco-list-row')
      .filter({ hasText: model.title })
      .first()
      .waitFor();
    await workbench.page.keyboard.press('Escape');
  });

  inVsCode('asks for an access token where the server wants one, and sends it', async ({ workbench }) => {
    hub.token = 'secret';
    hub.put('akhaliq/CLIP-prefix-captioning-conceptual-weights/conceptual_weights.pt', weights);
    const title = 'ClipCap, trained on Conceptual Captions (MLP)';
    await workbench.command('ClipCap: Get a Model…');
    await workbench.pick(which, title);
    await button(await workbench.dialog('how large'), 'Ask for the Size').click();
    const refused = workbench.notification('token');
    await refused.waitFor();
    await picture(workbench, '7-refused');
    await button(refused, 'Set Access Token…').click();
    await workbench.page
      .locator('.quick-input-title')
      .filter({ hasText: `Access token for ${hub.endpoint}` })
      .waitFor();
    await picture(workbench, '8-token');
    await workbench.answer('Access token for', 'secret');
    await workbench.pick(which, title);
    await agree(workbench);
    await workbench.notification(`${title} is here.`).waitFor();
    assert.equal(
      hub.asked('hub', 'HEAD').at(-1)?.authorization ?? hub.asked('hub', 'GET').at(-1)?.authorization,
      'Bearer secret',
    );
    hub.token = undefined;
  });

  inVsCode('in offline mode asks nobody, and says how to end it', async ({ server, workbench }) => {
    await server.changeMachineSettings({ 'clipcap.download.endpoint': hub.endpoint, 'clipcap.offline': true });
    await workbench.reload();
    const before = hub.connections;
    await workbench.command('ClipCap: Get a Model…');
    await workbench.pick(which, 'CLIP ViT-B/16 (Hugging Face layout)');
    await workbench.notification('clipcap.offline').waitFor();
    await picture(workbench, '9-offline');
    assert.equal(hub.connections, before);
  });

  inVsCode('says what to look at when the server cannot be reached', async ({ server, workbench }) => {
    await server.changeMachineSettings({ 'clipcap.download.endpoint': hub.endpoint });
    hub.stop();
    await workbench.reload();
    await workbench.command('ClipCap: Get a Model…');
    await workbench.pick(which, 'CLIP ViT-B/16 (Hugging Face layout)');
    await button(await workbench.dialog('how large'), 'Ask for the Size').click();
    await workbench.notification('cannot be reached').waitFor();
    await picture(workbench, '10-unreachable');
  });
});
