/** Shows the extension at work: a real VS Code in the browser, the packaged extension, a sample workspace. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { makePackage } from './package.mjs';
import { copySampleWorkspace } from './sample.mjs';
import { root } from './setup.mjs';
import { ensureVsCode } from './vscode.mjs';

/** Nothing of VS Code's own takes the room of what is shown. */
const settings = {
  'workbench.startupEditor': 'none',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'chat.disableAIFeatures': true,
  'git.openRepositoryInParentFolders': 'never',
};

/** Runs the demo until it is interrupted. */
export async function demo() {
  const vscode = await ensureVsCode({ browser: false });
  if ('missing' in vscode) throw new Error(`The demo needs a real VS Code: ${vscode.missing}`);
  const vsix = await makePackage([]);

  const folder = join(root, '.build', 'demo');
  const workspace = join(folder, 'workspace');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await copySampleWorkspace(workspace);
  await mkdir(join(folder, 'user', 'User'), { recursive: true });
  await writeFile(join(folder, 'user', 'User', 'settings.json'), JSON.stringify(settings));

  const profile = [
    vscode.codeServer,
    `--config=${join(folder, 'config.yaml')}`,
    `--user-data-dir=${join(folder, 'user')}`,
    `--extensions-dir=${join(folder, 'extensions')}`,
  ];
  const installed = spawnSync(vscode.node, [...profile, `--install-extension=${vsix}`], { encoding: 'utf8' });
  if (installed.status !== 0) throw new Error(`The extension could not be installed: ${installed.stderr}`);

  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const server = spawn(
    vscode.node,
    [
      ...profile,
      '--auth=none',
      `--bind-addr=${address}`,
      '--disable-telemetry',
      '--disable-update-check',
      '--disable-workspace-trust',
      '--disable-getting-started-override',
      workspace,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const stop = () => server.kill('SIGTERM');
  process.on('SIGINT', stop).on('SIGTERM', stop);
  const ended = new Promise((resolve, reject) => server.on('error', reject).on('close', resolve));
  await Promise.race([ended, answers(`http://${address}/healthz`, () => server.exitCode === null)]);
  if (server.exitCode === null) {
    process.stdout.write(
      `\nOpen http://${address}/?folder=${encodeURIComponent(workspace)}\n` +
        'Hover over an image in README.md, or right-click a photo in the Explorer.\nCtrl-C ends the demo.\n',
    );
  }
  await ended;
}

/** A port that nobody listens on. */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

/** Waits until an address answers, as long as that can still happen. */
async function answers(url, possible) {
  while (possible()) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
