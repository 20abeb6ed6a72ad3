/** What every `npm run` command goes through: makes the clone ready, then runs the command asked for. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, root } from './setup.mjs';

const [command = '', ...args] = process.argv.slice(2);

const commands = {
  build: () => ensureBuilt(),
  async clipcap() {
    await ensureBuilt();
    // The user's folder, not the repository's, is what relative paths mean.
    await runNode(join(root, 'dist', 'cli.mjs'), args, process.env.INIT_CWD ?? process.cwd());
  },
  async test() {
    await ensureBuilt();
    const { test } = await import('./test.mjs');
    process.exitCode = await test();
  },
  async bench() {
    await ensureBuilt();
    await compile();
    await runNode(join(root, 'test', 'out', 'bench', 'main.js'), args, root);
  },
  async fuzz() {
    await compile();
    await runNode(join(root, 'test', 'out', 'fuzz', 'main.js'), args, root);
  },
  async package() {
    await ensureBuilt();
    const { makePackage } = await import('./package.mjs');
    await makePackage(args);
  },
  async demo() {
    await ensureBuilt();
    const { demo } = await import('./demo.mjs');
    await demo(args);
  },
};

/** Type checks and compiles everything, tests included. */
async function compile() {
  ensureInstalled();
  await runNode(join(root, 'node_modules', 'typescript', 'bin', 'tsc'), ['-b'], root);
}

/** Runs a script with this Node, its input and output being ours, and takes over its exit code. */
function runNode(script, scriptArgs, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...scriptArgs], { cwd, stdio: 'inherit' });
    const forward = (signal) => child.kill(signal);
    process.on('SIGINT', forward).on('SIGTERM', forward);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      process.off('SIGINT', forward).off('SIGTERM', forward);
      process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
      resolve();
    });
  });
}

if (!Object.hasOwn(commands, command)) {
  process.stderr.write(`Unknown command “${command}”. Known: ${Object.keys(commands).join(', ')}.\n`);
  process.exitCode = 2;
} else {
  try {
    await commands[command]();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
