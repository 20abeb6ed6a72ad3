/** Renews the pictures of the README and of docs/lens.md: runs the tests in real VS Code, then shrinks the crops that they keep. */
import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { makePackage } from './package.mjs';
import { ensureBuilt, root } from './setup.mjs';
import { ensureVsCode } from './vscode.mjs';

const views = 'table heatmap map tokens beams attention lens counterfactuals occlusion compare encoder'.split(' ');
/** Names in `.build/screenshots` and in `docs/images`. */
const pictures = {
  'readme-hover': 'hover',
  'readme-panel': 'panel',
  ...Object.fromEntries(views.map((view) => [`lens-${view}`, `lens-${view}`])),
};
/** The dark theme's ground, which gives the views' pictures a margin. */
const margin = { top: 6, bottom: 10, left: 14, right: 14, background: '#1f1f1f' };

await ensureBuilt();
const vscode = await ensureVsCode({ browser: true });
if ('missing' in vscode) throw new Error(`Pictures are taken in a real VS Code: ${vscode.missing}`);
const env = {
  ...process.env,
  CLIPCAP_VSIX: await makePackage([]),
  CLIPCAP_NODE24: vscode.node,
  CLIPCAP_CODE_SERVER: vscode.codeServer,
};
const options = { cwd: root, env, stdio: 'inherit' };
for (const args of [
  ['node_modules/typescript/bin/tsc', '-b', 'test'],
  ['--test', '--test-concurrency=1', 'test/out/e2e/extension.test.js', 'test/out/e2e/lensInVsCode.test.js'],
]) {
  const { status } = spawnSync(process.execPath, args, options);
  if (status !== 0) throw new Error(`node ${args.join(' ')} failed.`);
}

const sharp = createRequire(join(root, 'server', 'package.json'))('sharp');
const images = join(root, 'docs', 'images');
await mkdir(images, { recursive: true });
for (const [from, to] of Object.entries(pictures)) {
  const picture = sharp(join(root, '.build', 'screenshots', `${from}.png`));
  if (from.startsWith('lens-')) picture.extend(margin);
  const { size } = await picture
    .png({ palette: true, colours: 64, effort: 10, compressionLevel: 9 })
    .toFile(join(images, `${to}.png`));
  process.stdout.write(`docs/images/${to}.png: ${Math.round(size / 1000)} kB\n`);
}
