/** Renews the README's pictures: runs the tests in real VS Code, then shrinks the crops that they keep. */
import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { makePackage } from './package.mjs';
import { ensureBuilt, root } from './setup.mjs';
import { ensureVsCode } from './vscode.mjs';

/** Names in `.build/screenshots` and in `docs/images`. */
const pictures = { 'readme-hover': 'hover', 'readme-panel': 'panel' };

await ensureBuilt();
const vscode = await ensureVsCode();
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
  ['--test', 'test/out/e2e/extension.test.js'],
]) {
  const { status } = spawnSync(process.execPath, args, options);
  if (status !== 0) throw new Error(`node ${args.join(' ')} failed.`);
}

const sharp = createRequire(join(root, 'dist', 'inference.mjs'))('sharp');
const images = join(root, 'docs', 'images');
await mkdir(images, { recursive: true });
for (const [from, to] of Object.entries(pictures)) {
  const { size } = await sharp(join(root, '.build', 'screenshots', `${from}.png`))
    .png({ palette: true, colours: 128, effort: 10, compressionLevel: 9 })
    .toFile(join(images, `${to}.png`));
  process.stdout.write(`docs/images/${to}.png: ${Math.round(size / 1000)} kB\n`);
}
