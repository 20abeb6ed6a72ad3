/** code-server on Node 24 with a profile of its own and the packaged extension installed, away from the repository. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { CaptionDocument, ImageEntry } from '@clipcap/protocol/caption';
import type { InspectDocument } from '@clipcap/protocol/lens';
import { root } from '../root.js';

const run = promisify(execFile);

export interface CodeServerOptions {
  /** Whether the workspace is trusted without asking; otherwise it opens in Restricted Mode. */
  readonly trusted: boolean;
  /** The user's settings, beyond those that keep VS Code quiet. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Settings of the machine that VS Code is connected to: those whose scope is `machine` are read from there only. */
  readonly machineSettings?: Readonly<Record<string, unknown>>;
  /** The workspace's `.vscode/settings.json`. */
  readonly workspaceSettings?: Readonly<Record<string, unknown>>;
}

export interface CodeServer {
  /** Where a browser opens the workspace. */
  readonly url: string;
  readonly workspace: string;
  /** The folder of VS Code's own data: settings, and what extensions keep. */
  readonly userData: string;
  /** The folder that the VSIX was installed into. */
  readonly extension: string;
  /** Replaces the machine's settings; a window reads them when it is loaded. */
  readonly changeMachineSettings: (settings: Readonly<Record<string, unknown>>) => Promise<void>;
  /** What the packaged command line, with these options, says about a file of the workspace. */
  readonly captionByCommandLine: (
    path: string,
    ...cliOptions: readonly string[]
  ) => Promise<Exclude<ImageEntry, { error: unknown }>>;
  /** What the packaged command line's `inspect`, with these options, says about a file of the workspace. */
  readonly inspectByCommandLine: (path: string, ...cliOptions: readonly string[]) => Promise<InspectDocument>;
  /** The folder in which the extension and its command line keep models that were downloaded. */
  readonly models: string;
  /** What the packaged command line prints. */
  readonly commandLine: (...args: readonly string[]) => Promise<string>;
  /** The language servers and the inference processes that run. */
  readonly languageServers: () => Promise<readonly number[]>;
  readonly inferenceProcesses: () => Promise<readonly number[]>;
  /** Files that our server and inference processes have open or mapped into memory. */
  readonly filesInUse: () => Promise<readonly string[]>;
  readonly stop: () => Promise<void>;
}

const quiet = {
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.quickOpen.closeOnFocusLost': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'chat.disableAIFeatures': true,
  'editor.wordWrap': 'on',
  'editor.minimap.enabled': false,
  'extensions.ignoreRecommendations': true,
  'git.enabled': false,
  'security.workspace.trust.startupPrompt': 'never',
  'security.workspace.trust.banner': 'never',
};

/** The paths that `npm test` hands over; they tell which VSIX and which VS Code to test. */
function given(name: 'CLIPCAP_VSIX' | 'CLIPCAP_NODE24' | 'CLIPCAP_CODE_SERVER'): string {
  return process.env[name] ?? assert.fail(`${name} is not set: run these tests with npm test`);
}

/** Installs the VSIX into a fresh profile in a temporary folder and serves a copy of the sample workspace. */
export async function startCodeServer(options: CodeServerOptions): Promise<CodeServer> {
  const folder = await mkdtemp(join(tmpdir(), 'clipcap-vscode-'));
  const workspace = join(folder, 'workspace');
  const userSettings = join(folder, 'user', 'User', 'settings.json');
  const extensions = join(folder, 'extensions');
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a script in plain JavaScript
  const { copySampleWorkspace } = (await import(pathToFileURL(join(root, 'scripts', 'sample.mjs')).href)) as {
    copySampleWorkspace: (to: string) => Promise<void>;
  };
  await copySampleWorkspace(workspace);
  if (options.workspaceSettings !== undefined) {
    await mkdir(join(workspace, '.vscode'));
    await writeFile(join(workspace, '.vscode', 'settings.json'), JSON.stringify(options.workspaceSettings));
  }
  await mkdir(join(folder, 'user', 'User'), { recursive: true });
  await writeFile(userSettings, JSON.stringify({ ...quiet, ...options.settings }));
  const changeMachineSettings = async (settings: Readonly<Record<string, unknown>>): Promise<void> => {
    await mkdir(join(folder, 'user', 'Machine'), { recursive: true });
    await writeFile(join(folder, 'user', 'Machine', 'settings.json'), JSON.stringify(settings));
  };
  if (options.machineSettings !== undefined) await changeMachineSettings(options.machineSettings);

  const env = cleanEnvironment(folder);
  const profile = [
    given('CLIPCAP_CODE_SERVER'),
    `--config=${join(folder, 'config.yaml')}`,
    `--user-data-dir=${join(folder, 'user')}`,
    `--extensions-dir=${extensions}`,
  ];
  await run(given('CLIPCAP_NODE24'), [...profile, `--install-extension=${given('CLIPCAP_VSIX')}`], {
    env,
    cwd: folder,
  });
  const installed = (await readdir(extensions)).find((name) => name.startsWith('clipcap-lens.'));
  const extension = join(extensions, installed ?? assert.fail(`nothing was installed into ${extensions}`));

  const address = `127.0.0.1:${await freePort()}`;
  const server = spawn(
    given('CLIPCAP_NODE24'),
    [
      ...profile,
      '--auth=none',
      `--bind-addr=${address}`,
      '--disable-telemetry',
      '--disable-update-check',
      ...(options.trusted ? ['--disable-workspace-trust'] : []),
      workspace,
    ],
    { env, cwd: folder, stdio: 'ignore', detached: true },
  );
  const ended = new Promise<void>((resolve) => server.once('close', () => resolve()));
  const endGroup = (): void => {
    if (server.pid !== undefined && server.exitCode === null) process.kill(-server.pid, 'SIGTERM');
  };
  // Whatever ends the test run ends VS Code with it.
  process.once('exit', endGroup).once('SIGTERM', () => process.exit(1));
  for (;;) {
    assert.equal(server.exitCode, null, 'code-server ended at once');
    const answer = await fetch(`http://${address}/healthz`).catch(() => undefined);
    if (answer?.ok) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }

  const commandLine = async (...args: readonly string[]): Promise<string> => {
    const cli = join(extension, 'dist', 'cli.mjs');
    return (await run(process.execPath, [cli, ...args], { cwd: workspace, env, maxBuffer: 2 ** 26 })).stdout;
  };
  return {
    url: `http://${address}/?folder=${encodeURIComponent(workspace)}`,
    workspace,
    userData: join(folder, 'user'),
    extension,
    models: join(folder, '.local', 'share', 'clipcap-lens', 'models'),
    changeMachineSettings,
    captionByCommandLine: async (path, ...cliOptions) => {
      const stdout = await commandLine('caption', '--json', ...cliOptions, path);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- other tests check the document itself
      const document = JSON.parse(stdout) as CaptionDocument;
      const image = 'images' in document ? document.images[0] : undefined;
      return image === undefined || 'error' in image ? assert.fail(stdout) : image;
    },
    inspectByCommandLine: async (path, ...cliOptions) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- other tests check the document itself
      JSON.parse(await commandLine('inspect', '--json', ...cliOptions, path)) as InspectDocument,
    commandLine,
    languageServers: () => processesRunning(join(extension, 'dist', 'server.mjs')),
    inferenceProcesses: () => processesRunning(join(extension, 'dist', 'inference.mjs')),
    filesInUse: () => filesInUse(extension),
    stop: async () => {
      endGroup();
      await ended;
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** This process's environment without what would tell VS Code or Node about the process that runs the tests. */
function cleanEnvironment(home: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(?:VSCODE_|NODE_|npm_|CLIPCAP_|INIT_CWD)/u.test(name));
  return { ...Object.fromEntries(kept), HOME: home, XDG_DATA_HOME: '' };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server's address is one
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** The processes whose command line has this text. */
async function processesRunning(text: string): Promise<readonly number[]> {
  const found: number[] = [];
  for (const id of (await readdir('/proc')).filter((name) => /^\d+$/u.test(name))) {
    const commandLine = await readFile(join('/proc', id, 'cmdline'), 'utf8').catch(() => '');
    if (commandLine.includes(text)) found.push(Number(id));
  }
  return found;
}

/** Every file that the processes running a script of `extension` have open or mapped. */
async function filesInUse(extension: string): Promise<readonly string[]> {
  const files = new Set<string>();
  for (const id of await processesRunning(extension)) {
    const process = join('/proc', String(id));
    const maps = await readFile(join(process, 'maps'), 'utf8').catch(() => '');
    for (const [path] of maps.matchAll(/\/.*$/gmu)) files.add(path);
    for (const fd of await readdir(join(process, 'fd')).catch(() => [])) {
      const path = await readlink(join(process, 'fd', fd)).catch(() => '');
      if (path.startsWith('/')) files.add(path);
    }
  }
  return [...files];
}
