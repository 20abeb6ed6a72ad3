/** A model pack that cannot be loaded, in real VS Code: what the user sees, and the way out. */
import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe } from 'node:test';
import { screenshotPath } from './browser.js';
import { testsIn } from './testsIn.js';
import type { Workbench } from './workbench.js';

/** The status bar's item, once its label has this text. */
async function status({ page }: Workbench, label: string): Promise<string> {
  const item = page.locator(`.statusbar-item a[aria-label^="ClipCap: model"][aria-label*="${label}"]`);
  await item.first().waitFor();
  return (await item.first().getAttribute('aria-label')) ?? '';
}

describe('with a model pack that is broken', () => {
  let folder: string;
  let pack: string;
  const inVsCode = testsIn(async () => {
    folder = await mkdtemp(join(tmpdir(), 'clipcap-broken-'));
    pack = join(folder, 'pack');
    await mkdir(pack);
    await writeFile(join(pack, 'pack.json'), 'no manifest');
    return { trusted: true, workspaceSettings: { 'clipcap.model': pack } };
  });
  after(() => rm(folder, { recursive: true, force: true }));

  inVsCode('a caption fails, and the status bar says the reason', async ({ workbench }) => {
    await workbench.open('coffee.jpg');
    await workbench.command('ClipCap: Caption This Image');
    await workbench.notification('pack.json').waitFor();
    const label = await status(workbench, ', failed: ');
    await workbench.page.screenshot({ path: screenshotPath('vscode-broken-pack') });
    assert.ok(label.includes(join(pack, 'pack.json')), label);
  });

  inVsCode('once the pack is repaired, a restart recovers', async ({ server, workbench }) => {
    const expected = (await server.captionByCommandLine('photos/coffee.jpg')).captions[0]?.text ?? '';
    await cp(join(server.extension, 'models', 'builtin'), pack, { recursive: true });
    await workbench.command('ClipCap: Restart Inference');
    await status(workbench, ', ready');
    await workbench.command('ClipCap: Caption This Image');
    await workbench.notification(`coffee.jpg: “${expected}”`).waitFor();
  });

  inVsCode('the console has no error of ours but the one that was shown', ({ workbench }) => {
    // VS Code writes every error notification to its console too.
    assert.deepEqual(
      workbench.complaints.filter((text) => !text.startsWith(join(pack, 'pack.json'))),
      [],
    );
  });
});
