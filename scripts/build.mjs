/**
 * Builds `dist/`: one bundle for each process with the chunks that they share or load on demand, and beside them, in
 * `dist/node_modules`, the packages with native or WebAssembly parts that cannot be bundled. `dist/` is what the VSIX
 * ships and what the command line runs: one layout.
 */
import { build as bundle } from 'esbuild';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');

/**
 * Packages that stay outside of the bundles. Of sharp these are its binaries: its JavaScript is bundled, because reading
 * its 30 files and its dependencies' takes 50 ms of a command's start. On Linux the WebAssembly build is a dependency of
 * ours, elsewhere the native one is an optional dependency of sharp's.
 */
const external = ['onnxruntime-node', ...sharpBinaries()];

/** CUDA's provider library is fetched on request, with ONNX Runtime's own install script; there is one for this platform only. */
const hasCuda = process.platform === 'linux' && process.arch === 'x64';

/** Dependencies that only that script uses. */
const onlyForInstalling = new Set(hasCuda ? [] : ['adm-zip', 'global-agent']);

const nodeBundles = {
  client: 'client/extension.ts',
  server: 'server/language/main.ts',
  inference: 'server/inference/main.ts',
  cli: 'server/cli/main.ts',
};

/** Named by the code that starts it, as `.js` beside itself: a bundle here, compiled in the tests. */
const threads = { hashThread: 'models/pack/hashThread.ts' };

const common = {
  absWorkingDir: root,
  bundle: true,
  conditions: ['source'],
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
  minify: true,
  keepNames: true,
  sourcemap: 'linked',
};

/** Bundled CommonJS packages call `require`, which ES modules do not have. */
const requireForBundledCommonJs =
  "import { createRequire as clipcapCreateRequire } from 'node:module';" +
  'const require = clipcapCreateRequire(import.meta.url);';

/**
 * Builds everything into `dist/`.
 * @returns {Promise<void>} when `dist/` is complete; the list of bundled files is in `dist/metafile.json`.
 */
export async function build() {
  await mkdir(dist, { recursive: true });
  const forNode = { ...common, outdir: dist, platform: 'node', format: 'esm', target: 'node20' };
  const node = await bundle({
    ...forNode,
    // A process reads what it needs: what other commands or imports need is in files that are loaded on demand.
    splitting: true,
    chunkNames: '[name]-[hash]',
    entryPoints: nodeBundles,
    outExtension: { '.js': '.mjs' },
    external: ['vscode', ...external],
    banner: { js: requireForBundledCommonJs },
  });
  const thread = await bundle({ ...forNode, entryPoints: threads });
  const webview = await bundle({
    ...common,
    entryPoints: { webview: 'webview/main.ts', report: 'webview/report.ts' },
    outdir: dist,
    platform: 'browser',
    format: 'iife',
    target: 'chrome128',
  });
  await copyUnbundled();
  await removeOthers([node, thread, webview].flatMap(({ metafile }) => Object.keys(metafile.outputs)));
  const inputs = { ...node.metafile.inputs, ...thread.metafile.inputs, ...webview.metafile.inputs };
  await writeFile(join(dist, 'metafile.json'), JSON.stringify(Object.keys(inputs).toSorted(), null, 2));
}

/** Chunks of earlier builds have other names: what is no output of this one goes. */
async function removeOthers(outputs) {
  const kept = new Set(outputs.map((path) => basename(path)));
  for (const entry of await readdir(dist, { withFileTypes: true })) {
    if (entry.isFile() && !kept.has(entry.name)) await rm(join(dist, entry.name));
  }
}

/** Copies the unbundled packages and what they need at run time, this platform's files only. */
async function copyUnbundled() {
  const fresh = join(dist, 'node_modules.new');
  await rm(fresh, { recursive: true, force: true });
  const wanted = external.map((name) => ({ name, from: join(root, 'server') }));
  const copied = new Map();
  for (let next = wanted.pop(); next; next = wanted.pop()) {
    const folder = findPackage(next.name, next.from);
    if (folder === undefined && external.includes(next.name)) throw new Error(`${next.name} is not installed: npm ci`);
    if (folder === undefined || copied.get(next.name) === folder) continue;
    if (copied.has(next.name)) throw new Error(`two copies of ${next.name} would have to be shipped`);
    copied.set(next.name, folder);
    const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    await cp(folder, join(fresh, next.name), {
      recursive: true,
      dereference: true,
      filter: (path) => isShipped(next.name, relative(folder, path)),
    });
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
      if (!onlyForInstalling.has(name)) wanted.push({ name, from: folder });
    }
  }
  await rm(join(dist, 'node_modules'), { recursive: true, force: true });
  await rename(fresh, join(dist, 'node_modules'));
}

/** Packages with what sharp is without its JavaScript. */
function sharpBinaries() {
  const { platform, arch } = process;
  return platform === 'linux' ? ['@img/sharp-wasm32'] : [`@img/sharp-${platform}-${arch}`];
}

/** Looks for a package's folder the way Node does, also where `exports` hide its package.json. */
function findPackage(name, from) {
  for (const folder of createRequire(join(from, 'package.json')).resolve.paths(name) ?? []) {
    if (existsSync(join(folder, name, 'package.json'))) return join(folder, name);
  }
  return undefined;
}

/** Whether a package's file is needed at run time on this platform. */
function isShipped(name, path) {
  const parts = path.split(sep);
  if (path === '') return true;
  if (parts.includes('node_modules')) return false;
  if (/\.(?:map|d\.[cm]?ts|ts|md)$/u.test(path)) return false;
  if (name === 'onnxruntime-node') {
    if (['lib', '__commit.txt'].includes(parts[0])) return false;
    if (parts[0] === 'script' && !(hasCuda && (parts.length === 1 || parts[1].startsWith('install')))) return false;
    if (parts[0] === 'bin' && parts.length >= 3 && parts[2] !== process.platform) return false;
    if (parts[0] === 'bin' && parts.length >= 4 && parts[3] !== process.arch) return false;
  }
  if (name === 'onnxruntime-common' && ['lib', 'dist'].includes(parts[0]))
    return parts[0] === 'dist' && (parts.length === 1 || ['cjs', 'esm'].includes(parts[1]));
  return true;
}
