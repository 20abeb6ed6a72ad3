/**
 * A copy of the built command line that finds another ONNX Runtime beside it: its install script is the real one, but what
 * downloads is a fake, which writes its process's number in the place of each library.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { root } from './root.js';
import { temporaryFolder } from './temporaryFolder.js';

const dist = join(root, 'dist');
const realRuntime = join(dist, 'node_modules', 'onnxruntime-node');

/** What the script does when it has written the first library. */
const courses = {
  goOn: '',
  fail: 'throw new Error("the disk is full");',
  sayProxy:
    'const { GLOBAL_AGENT_HTTPS_PROXY: proxy, GLOBAL_AGENT_NO_PROXY: without } = process.env; throw new Error(`through ${proxy} but ${without}`);',
  stall: 'setInterval(() => undefined, 1e6); await new Promise(() => undefined);',
} as const;
type Course = keyof typeof courses;

const downloads = (then: string): string => `
const { mkdirSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { dirname, join } = require('node:path');
exports.parseInstallFlag = require('./real-install-utils.js').parseInstallFlag;
exports.installPackages = async (packages, libraries) => {
  const archive = join(tmpdir(), 'package.nupkg');
  writeFileSync(archive, 'downloaded');
  try {
    for (const [written, { filepath }] of libraries.entries()) {
      if (written === 1) { ${then} }
      mkdirSync(dirname(filepath), { recursive: true });
      writeFileSync(filepath, String(process.pid));
    }
  } finally {
    rmSync(archive);
  }
};
`;

export class FakeRuntime {
  /** The command line's script. */
  readonly cli: string;
  /** Where ONNX Runtime's own library is, and CUDA's belong. */
  readonly libraries: string;
  /** For temporary files. */
  readonly temporary: string;
  readonly #folder: string;
  readonly #context: TestContext;

  private constructor(folder: string, context: TestContext) {
    this.cli = join(folder, 'dist', 'cli.mjs');
    this.#folder = join(folder, 'dist', 'node_modules', 'onnxruntime-node');
    this.libraries = join(this.#folder, 'bin', 'napi-v6', 'linux', 'x64');
    this.temporary = join(folder, 'temporary');
    this.#context = context;
  }

  static async create(context: TestContext, then: Course): Promise<FakeRuntime> {
    const folder = await temporaryFolder(context);
    const runtime = new FakeRuntime(folder, context);
    await cp(dist, join(folder, 'dist'), {
      recursive: true,
      filter: (path) => path === dist || (dirname(path) === dist && path.endsWith('js')),
    });
    for (const part of ['package.json', 'script']) {
      await cp(join(realRuntime, part), join(runtime.#folder, part), { recursive: true });
    }
    const modules = join(runtime.#folder, 'node_modules');
    for (const [name, code] of Object.entries({
      'global-agent': 'exports.bootstrap = () => undefined;',
      'adm-zip': '',
    })) {
      await mkdir(join(modules, name), { recursive: true });
      await writeFile(join(modules, name, 'index.js'), code);
    }
    for (const path of [runtime.libraries, runtime.temporary]) await mkdir(path, { recursive: true });
    await writeFile(join(runtime.libraries, 'libonnxruntime.so.1'), '');
    const script = join(runtime.#folder, 'script');
    await rename(join(script, 'install-utils.js'), join(script, 'real-install-utils.js'));
    await runtime.becomes(then);
    return runtime;
  }

  /** Changes what the script does half-way. */
  async becomes(then: Course): Promise<void> {
    await writeFile(join(this.#folder, 'script', 'install-utils.js'), downloads(courses[then]));
  }

  start(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const env = { ...process.env, TMPDIR: this.temporary, XDG_CACHE_HOME: this.temporary, ...options.env };
    return spawn(process.execPath, [this.cli, ...args], { stdio: 'pipe', ...options, env });
  }

  /** The number of the script's process, once it has written the first library; it ends with the test at the latest. */
  async halfWay(): Promise<number> {
    for (let look = 0; look < 12_000; look++) {
      const names = await readdir(this.libraries, { recursive: true });
      const first = names.find((name) => name.endsWith('libonnxruntime_providers_cuda.so'));
      const written = first === undefined ? '' : await readFile(join(this.libraries, first), 'utf8').catch(() => '');
      if (written !== '') {
        const processId = Number(written);
        this.#context.after(() => isAlive(processId) && process.kill(processId, 'SIGKILL'));
        return processId;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return assert.fail('the script did not come half-way');
  }
}

export function isAlive(processId: number): boolean {
  try {
    return process.kill(processId, 0);
  } catch {
    return false;
  }
}
