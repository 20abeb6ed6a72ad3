/**
 * A real VS Code to test in: code-server on Node 24, driven by Debian's Chromium. Installs `test/vscode` from its lock,
 * once; system packages are only checked, because installing them is the user's decision.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { npm, oncePerLock, root } from './setup.mjs';

const folder = join(root, 'test', 'vscode');

/** Debian's names: the browser that tests drive, and its fonts. */
const browserPackages = ['chromium', 'fonts-dejavu-core'];

/** Debian's names: what code-server's native modules are compiled with. */
const compilerPackages = [
  'build-essential',
  'pkg-config',
  'python3',
  'libkrb5-dev',
  'libsecret-1-dev',
  'libx11-dev',
  'libxkbfile-dev',
];

/**
 * Installs what the tests in real VS Code and the demo run on, unless it is there already.
 * @param {{ browser: boolean }} needs whether a browser is driven, or the user opens one
 * @returns {Promise<{ node: string, codeServer: string } | { missing: string }>} paths of Node 24 and of code-server's
 *   script; or what is missing, with the one command that installs it
 * @throws if npm cannot install the locked packages
 */
export async function ensureVsCode({ browser }) {
  if (process.platform !== 'linux') return { missing: 'code-server is set up here for Linux only' };
  const needed = [...(browser ? browserPackages : []), ...compilerPackages];
  const absent = missingOf(needed);
  if (absent === undefined) return { missing: `needs a Debian-like system with: ${needed.join(' ')}` };
  if (absent.length > 0) {
    return { missing: `missing system packages; install them with: sudo apt-get install -y ${absent.join(' ')}` };
  }
  const installed = {
    node: join(folder, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node'),
    codeServer: join(folder, 'node_modules', 'code-server', 'out', 'node', 'entry.js'),
  };
  oncePerLock(folder, () => {
    process.stderr.write('Installing VS Code for the tests (once, a few minutes)…\n');
    install(installed.node);
    if (!existsSync(installed.codeServer))
      throw new Error(`code-server was installed without ${installed.codeServer}.`);
  });
  return installed;
}

/**
 * Two steps, because code-server compiles itself with the Node that npm runs on, and only accepts Node 24: first every
 * locked package without its scripts, Node 24 among them, then code-server's script under that Node.
 */
function install(node24) {
  rmSync(join(folder, 'node_modules'), { recursive: true, force: true });
  npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], folder);
  const home = join(node24, '..', '..');
  const cli = process.env.npm_execpath;
  const [command, ...before] = cli?.endsWith('.js') ? [node24, cli] : ['npm'];
  const rebuilt = spawnSync(command, [...before, 'rebuild', 'code-server', '--foreground-scripts'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: {
      ...withoutNpmVariables(process.env),
      PATH: join(home, 'bin') + delimiter + (process.env.PATH ?? ''),
      // The headers that come with Node 24's package: nothing is downloaded from elsewhere.
      npm_config_nodedir: home,
      // code-server's script runs npm once more on VS Code's own locked packages, which are native modules to compile.
      npm_config_dangerously_allow_all_scripts: 'true',
    },
  });
  if (rebuilt.status !== 0) {
    const said = `${rebuilt.stdout ?? ''}${rebuilt.stderr ?? ''}`.trimEnd().split('\n').slice(-30).join('\n');
    throw new Error(`code-server could not be compiled:\n${said}`, { cause: rebuilt.error });
  }
}

/** npm tells the commands that it runs about itself; another npm, under another Node, must not believe it is that one. */
function withoutNpmVariables(env) {
  const ownWords =
    /^npm_(?!config_)|^npm_config_(?:user_agent|node_gyp|prefix|local_prefix|global_prefix|npm_version)$/u;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !ownWords.test(name)));
}

/** Which of these system packages are not installed; undefined where there is no dpkg to ask. */
function missingOf(systemPackages) {
  const query = spawnSync('dpkg-query', ['-W', '-f', '${binary:Package} ${Status}\n', ...systemPackages], {
    encoding: 'utf8',
  });
  if (query.error !== undefined) return undefined;
  const present = new Set(
    query.stdout
      .split('\n')
      .filter((line) => line.endsWith('ok installed'))
      .map((line) => line.split(/[: ]/u)[0]),
  );
  return systemPackages.filter((name) => !present.has(name));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  if (process.argv.includes('--system-packages')) {
    process.stdout.write(`${[...browserPackages, ...compilerPackages].join(' ')}\n`);
  } else {
    const vscode = await ensureVsCode({ browser: true });
    process.stdout.write(`${'missing' in vscode ? vscode.missing : `code-server: ${vscode.codeServer}`}\n`);
    process.exitCode = 'missing' in vscode ? 1 : 0;
  }
}
