/**
 * Makes a clone ready to run: installs the locked dependencies and builds `dist/`, each only when something changed.
 * Everything it prints goes to stderr, so that a command's stdout stays its own. Uses Node's own modules only, because
 * nothing is installed yet when it runs first.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sourceFiles } from './sourceFiles.mjs';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** The first with `styleText` and every other part of Node that is used. */
const oldestNode = [20, 12];

/** Installs the locked dependencies unless they are installed already. */
export function ensureInstalled() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
    throw new Error(`ClipCap Lens needs Node ${oldestNode.join('.')} or newer; this is Node ${process.versions.node}.`);
  }
  oncePerLock(root, () => {
    process.stderr.write('Installing dependencies (once)…\n');
    npm(['ci', '--no-audit', '--no-fund', '--loglevel=error'], root);
  });
}

/**
 * Installs a folder's dependencies unless those of its lock file are installed already.
 * @param {string} folder with `package-lock.json`
 * @param {() => void} install fills `node_modules`; when it throws, the next call tries again
 */
export function oncePerLock(folder, install) {
  const stamp = join(folder, 'node_modules', '.clipcap-installed');
  const wanted = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  install();
  writeFileSync(stamp, wanted);
}

/** Installs and builds what is missing or older than its sources. */
export async function ensureBuilt() {
  ensureInstalled();
  const stamp = join(root, 'dist', '.built');
  const wanted = sourcesState();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  process.stderr.write('Building (after a change)…\n');
  const { build } = await import('./build.mjs');
  await build();
  writeFileSync(stamp, wanted);
}

/**
 * Runs npm, its output on stderr.
 * @param {string[]} args npm's arguments
 * @param {string} cwd where
 * @param {NodeJS.ProcessEnv} [env] the environment
 */
export function npm(args, cwd, env = process.env) {
  // onnxruntime-node's install script would download CUDA libraries, and fail where there is no network for it.
  const options = { cwd, stdio: ['ignore', 2, 2], env: { ...env, ONNXRUNTIME_NODE_INSTALL: 'skip' } };
  const cli = process.env.npm_execpath;
  const run = cli?.endsWith('.js')
    ? spawnSync(process.execPath, [cli, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
  if (run.status !== 0) {
    throw new Error(`npm ${args.join(' ')} failed in ${cwd}; its output above says why.`, { cause: run.error });
  }
}

/** A digest of names, sizes and times of every file that the build reads. */
function sourcesState() {
  const hash = createHash('sha256');
  for (const path of ['package-lock.json', ...sourceFiles(root)]) {
    const { size, mtimeMs } = statSync(join(root, path));
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}
