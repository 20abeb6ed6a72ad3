/**
 * Every test, in one go: type check and compile, package, then each suite by Node's test runner. What cannot run here
 * is reported with its reason and remedy: skipped on a developer's machine, failed in CI, where everything must run.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makePackage } from './package.mjs';
import { root } from './setup.mjs';
import { ensureVsCode } from './vscode.mjs';

const suites = ['unit', 'parity', 'server', 'cli', 'glib', 'e2e'];

/** Listed with every run, so that nobody takes their absence for a pass. */
const notApplicable = [
  'macOS and Windows builds: need those systems',
  'desktop VS Code (Electron): cannot be installed by a package manager that the tests may use',
  'CUDA, DirectML and Core ML: need devices for them (WebGPU is run on a software renderer)',
];

/**
 * Runs all tests.
 * @returns {Promise<number>} the exit code: 0 if none failed
 */
export async function test() {
  const inCi = process.env.CI === 'true';
  const total = { passed: 0, failed: 0, skipped: 0 };
  const reasons = [];

  if ((await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b'])) !== 0) {
    process.stdout.write('The type check failed; no test was run.\n\n0 passed, 1 failed\n');
    return 1;
  }
  const vsix = await makePackage([]);
  const vscode = await ensureVsCode({ browser: true });

  for (const suite of suites) {
    const files = testFiles(suite);
    if (files.length === 0) continue;
    if (suite === 'e2e' && 'missing' in vscode) {
      reasons.push(`${files.length} files of tests in real VS Code and Chromium: ${vscode.missing}`);
      total[inCi ? 'failed' : 'skipped'] += files.length;
      continue;
    }
    process.stdout.write(`\n── ${suite} ──\n`);
    const counts = await runSuite(suite, files, {
      CLIPCAP_VSIX: vsix,
      ...('missing' in vscode ? {} : { CLIPCAP_NODE24: vscode.node, CLIPCAP_CODE_SERVER: vscode.codeServer }),
    });
    total.passed += counts.passed;
    total.failed += counts.failed + (inCi ? counts.skipped : 0);
    total.skipped += inCi ? 0 : counts.skipped;
    reasons.push(...counts.reasons);
  }

  process.stdout.write(`\nNot applicable on this machine:\n${notApplicable.map((line) => `  ${line}`).join('\n')}\n`);
  if (reasons.length > 0) {
    process.stdout.write(`\n${inCi ? 'Could not run (counted as failed)' : 'Skipped'}:\n`);
    process.stdout.write(`${reasons.map((line) => `  ${line}`).join('\n')}\n`);
  }
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
  process.stdout.write(`\n${total.passed} passed, ${total.failed} failed${skipped}\n`);
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}

/** The compiled test files of a suite; those whose source is gone are left out. */
function testFiles(suite) {
  const compiled = join(root, 'test', 'out', suite);
  if (!existsSync(compiled)) return [];
  return readdirSync(compiled)
    .filter((name) => name.endsWith('.test.js'))
    .filter((name) => existsSync(join(root, 'test', suite, name.replace(/js$/u, 'ts'))))
    .toSorted()
    .map((name) => join(compiled, name));
}

/** Runs one suite and counts its outcomes from a machine-readable report beside the readable one. */
async function runSuite(suite, files, extraEnv) {
  const reports = join(root, '.build', 'reports');
  await mkdir(reports, { recursive: true });
  const report = join(reports, `${suite}.tap`);
  await rm(report, { force: true });
  const args = ['--test', '--test-reporter=spec', '--test-reporter-destination=stdout'];
  args.push('--test-reporter=tap', `--test-reporter-destination=${report}`);
  // Suites that start servers and editors measure nothing, but two at once would starve each other on a small machine.
  args.push(`--test-concurrency=${suite === 'unit' ? 2 : 1}`);
  const code = await run(process.execPath, [...args, ...files], extraEnv);
  const tap = await readFile(report, 'utf8').catch(() => '');
  const count = (name) => Number(new RegExp(`^# ${name} (\\d+)$`, 'mu').exec(tap)?.[1] ?? 0);
  const failed = count('fail') + count('cancelled');
  return {
    passed: count('pass'),
    failed: code !== 0 && failed === 0 ? 1 : failed,
    skipped: count('skipped') + count('todo'),
    reasons: [...tap.matchAll(/^\s*ok \d+ - (.*) # SKIP ?(.*)$/gmu)].map(([, name, why]) => `${name}: ${why}`),
  };
}

/** Runs a command with our output and gives its exit code. */
function run(command, args, extraEnv = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...extraEnv },
    });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
