/** What panels of the Prefix Lens leave in memory once they are closed: counted in every process, not measured in time or bytes. */
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { countObjects } from './heap.js';
import { openTab, tabs } from './lensTabs.js';
import { testsIn, type VsCode } from './testsIn.js';

/** Enough to tell what grows with every panel from what happens to be there. */
const panels = 5;

async function open({ workbench }: VsCode): Promise<void> {
  await workbench.chooseFromExplorer(['photos', 'coffee.jpg'], 'Inspect Prefix');
  const lens = await workbench.lens('coffee.jpg');
  for (const tab of tabs.slice(0, 3)) await openTab(lens, tab);
}

async function close({ page }: VsCode['workbench']): Promise<void> {
  const tab = page.locator('.tab').filter({ hasText: 'Prefix: ' }).first();
  await tab.click();
  await tab.locator('.codicon-close').click();
  await tab.waitFor({ state: 'detached' });
}

/** Objects of our code in the extension host, the language server and the inference process. */
async function counted({ server }: VsCode): Promise<readonly number[]> {
  const processes = [
    [await server.extensionHosts(), '/dist/client.mjs'],
    [await server.languageServers(), '/dist/server.mjs'],
    [await server.inferenceProcesses(), '/dist/inference.mjs'],
  ] as const;
  const counts: number[] = [];
  for (const [ids, script] of processes) {
    const [id] = ids;
    assert.ok(id !== undefined && ids.length === 1, `${ids.length} processes run ${script}`);
    counts.push(await countObjects(id, script));
  }
  return counts;
}

describe('panels that are closed', () => {
  const inVsCode = testsIn({ trusted: true, settings: { 'clipcap.provider': 'cpu' } });

  inVsCode('leave nothing behind in any process', async (vscode) => {
    // The model and what is made once.
    await open(vscode);
    await close(vscode.workbench);
    const before = await counted(vscode);
    await open(vscode);
    const [host = 0] = await counted(vscode);
    assert.ok(host > (before[0] ?? 0), 'the extension host holds nothing of a panel that is open: what is counted?');
    await close(vscode.workbench);
    for (let again = 1; again < panels; again += 1) {
      await open(vscode);
      await close(vscode.workbench);
    }
    const after = await counted(vscode);
    const growth = after.map((count, index) => count - (before[index] ?? 0));
    assert.ok(
      growth.every((more) => more < panels),
      `objects of extension host, language server, inference process: ${before.join(', ')} before, ${after.join(', ')} after ${panels} panels`,
    );
  });
});
