/**
 * Makes the VSIX of this platform from `dist/` and the built-in pack, and compares what it holds with a committed list,
 * so that nothing gets into it, or drops out of it, unnoticed.
 */
import { PackageManager, createVSIX, listFiles } from '@vscode/vsce';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { checkNotices } from './notices.mjs';
import { root } from './setup.mjs';

const target = `${process.platform}-${process.arch}`;

/** ONNX Runtime has builds for these. */
const targets = new Set(['linux-x64', 'linux-arm64', 'darwin-arm64', 'win32-x64', 'win32-arm64']);

const stagedFiles = ['package.json', '.vscodeignore', 'CHANGELOG.md', 'LICENSE', 'THIRD_PARTY_NOTICES.md'];
const stagedFolders = ['dist/node_modules', 'docs', 'models/builtin'];

/**
 * Makes the VSIX. `dist/` must be built.
 * @param {string[]} args `--update` accepts the files that are there as the committed list, and rewrites the notices
 * @returns {Promise<string>} the VSIX's path
 * @throws if its contents are not those of this platform's committed list, should there be one, or the third-party notices are out of date
 */
export async function makePackage(args) {
  if (!targets.has(target)) {
    throw new Error(
      `ONNX Runtime has no build for ${target}: nothing to package. It has one for ${[...targets].join(', ')}.`,
    );
  }
  const update = args.includes('--update');
  await checkNotices({ update });
  const stage = await makeStage();
  await checkFiles(stage, update);
  const { name, version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  const packagePath = join(root, `${name}-${target}-${version}.vsix`);
  await createVSIX({
    cwd: stage,
    packagePath,
    target,
    dependencies: false,
    followSymlinks: true,
    allowMissingRepository: true,
    rewriteRelativeLinks: false,
  });
  return packagePath;
}

/**
 * A folder with nothing but the parts that files are taken from (`.vscodeignore` says which): in the repository itself,
 * vsce would read through every `node_modules`.
 */
async function makeStage() {
  const stage = join(root, '.build', 'package');
  await rm(stage, { recursive: true, force: true });
  await mkdir(stage, { recursive: true });
  for (const file of stagedFiles) await copyFile(join(root, file), join(stage, file));
  for (const folder of stagedFolders) {
    await mkdir(dirname(join(stage, folder)), { recursive: true });
    await symlink(join(root, folder), join(stage, folder), 'junction');
  }
  // Source maps stay here, and so does what points at them.
  const bundles = (await readdir(join(root, 'dist'))).filter((file) => /\.(?:mjs|js|css)$/u.test(file));
  for (const bundle of bundles) {
    const code = await readFile(join(root, 'dist', bundle), 'utf8');
    await writeFile(join(stage, 'dist', bundle), code.replace(/\n(?:\/\/|\/\*)# sourceMappingURL=[^\n]*\n?$/u, '\n'));
  }
  await writeFile(join(stage, 'README.md'), withoutTestLinks(await readFile(join(root, 'README.md'), 'utf8')));
  return stage;
}

/** The tests are not shipped: what the README says of their photos stays, its links to them go. */
function withoutTestLinks(readme) {
  return readme.replace(/^Their \[sources\].*\n/mu, '').replaceAll(/\[([^\]]*)\]\(test\/[^)]*\)/gu, '$1');
}

/** Every relative link of the extension's page and of our other pages must lead to a file of the package. */
async function checkLinks(stage, files) {
  const dead = [];
  for (const page of files.filter((file) => /^(?!dist\/).*\.md$/u.test(file))) {
    const prose = (await readFile(join(stage, page), 'utf8')).replaceAll(/^```.*?^```|`[^`\n]*`/gmsu, '');
    const links = Array.from(prose.matchAll(/\]\((?![a-z]+:|#)([^)#\s]+)/giu), ([, path]) => path);
    const missing = links.filter((path) => !files.includes(posix.join(posix.dirname(page), path)));
    dead.push(...missing.map((path) => `  ${page}: ${path}`));
  }
  if (dead.length > 0) throw new Error(['Links to what the package does not hold:', ...dead].join('\n'));
}

/** Compares the files that vsce takes with the committed list of this platform. */
async function checkFiles(stage, update) {
  const list = join(root, 'scripts', `vsix-files.${target}.txt`);
  const files = (await listFiles({ cwd: stage, packageManager: PackageManager.None, followSymlinks: true })).toSorted();
  await checkLinks(stage, files);
  // A chunk's name changes with what is in it.
  const names = [...new Set(files.map((file) => file.replace(/^(dist\/\w+(?:\.\w+)?-)[0-9A-Z]{8}\.mjs$/u, '$1*.mjs')))];
  const text = `${names.join('\n')}\n`;
  if (update) {
    await writeFile(list, text);
    return;
  }
  if (!existsSync(list)) {
    process.stderr.write(
      `Not checked: what the package holds on ${target}, for which there is no committed list yet. Look through its ` +
        `${files.length} files (npx vsce ls), then write the list with: npm run package -- --update\n`,
    );
    return;
  }
  const wanted = (await readFile(list, 'utf8')).split('\n').filter(Boolean);
  const added = names.filter((name) => !wanted.includes(name));
  const gone = wanted.filter((name) => !names.includes(name));
  if (added.length + gone.length === 0) return;
  throw new Error(
    [
      `The package would not hold what ${list} lists (accept a change with: npm run package -- --update):`,
      ...added.map((file) => `  new: ${file}`),
      ...gone.map((file) => `  gone: ${file}`),
    ].join('\n'),
  );
}
