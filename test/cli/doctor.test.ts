/** `clipcap doctor`, as a user sees it on a machine without a graphics processor. */
import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeRandomPack } from '../randomPack.js';
import { fixture, root } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { clipcap, failure, runModule } from './clipcap.js';

const runtime = join(root, 'dist', 'node_modules', 'onnxruntime-node', 'bin', 'napi-v6', 'linux', 'x64');

interface Report {
  readonly ok: boolean;
  readonly versions: Readonly<Record<string, string>>;
  readonly memory: { readonly total: number; readonly free: number };
  readonly built: readonly string[];
  readonly packs: readonly {
    readonly id?: string;
    readonly dtype?: string;
    readonly size?: number;
    readonly memory?: number;
    readonly provider?: string;
    readonly providers?: readonly { readonly provider: string; readonly state: string; readonly reason: string }[];
    readonly error?: { readonly code: string };
  }[];
}

function parse(json: string): Report {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is wrong with it shows in what tests ask of it
  return JSON.parse(json) as Report;
}

/** No driver is found, whatever the machine has, and nothing remembered. */
function bare(cache: string): { env: NodeJS.ProcessEnv } {
  return {
    env: { ...process.env, XDG_CACHE_HOME: cache, VK_DRIVER_FILES: '/dev/null', VK_ICD_FILENAMES: '/dev/null' },
  };
}

test('doctor says versions, memory, packs, and of every provider whether and why not', async (t) => {
  const { code, stdout } = await clipcap(['doctor', '--json'], bare(await temporaryFolder(t)));
  assert.equal(code, 0);
  const { ok, versions, memory, built, packs } = parse(stdout);
  assert.equal(ok, true);
  assert.equal(versions['node'], process.versions.node);
  assert.match(versions['onnxruntime'] ?? '', /^\d+\.\d+\.\d+$/u);
  assert.ok(memory.total > memory.free && memory.free > 0);
  assert.ok(built.includes('cpu'));
  assert.equal(packs.length, 1);
  const [pack] = packs;
  assert.equal(pack?.id, 'builtin');
  assert.ok((pack.size ?? 0) > 1e6 && (pack.memory ?? 0) > 1e7);
  assert.equal(pack.provider, 'cpu');
  const providers = pack.providers ?? [];
  assert.deepEqual(providers.map(({ provider }) => provider).toSorted(), [
    'coreml',
    'cpu',
    'cuda',
    'directml',
    'webgpu',
  ]);
  for (const { provider, state, reason } of providers) {
    if (provider === 'cpu') assert.deepEqual({ state, reason }, { state: 'trusted', reason: '' });
    else assert.ok((state === 'refused' || state === 'absent') && reason !== '', `${provider} is ${state}: ${reason}`);
  }
});

test('doctor in words names the pack, the provider and the reasons', async (t) => {
  const { code, stdout } = await clipcap(['doctor'], bare(await temporaryFolder(t)));
  assert.equal(code, 0);
  assert.match(stdout, /^Captions can be made\./u);
  assert.match(stdout, /provider with auto: cpu/u);
  assert.match(stdout, /webgpu +refused +\S+/u);
});

test('a pack that cannot caption is named with its error, and the exit code says so', async (t) => {
  const folder = await temporaryFolder(t);
  const [good, bad] = [join(folder, 'good'), join(folder, 'bad')];
  await writeRandomPack(good, { id: 'good' });
  await writeRandomPack(bad);
  await rm(join(bad, 'weights.safetensors'));
  const { code, stdout } = await clipcap(['doctor', '--json', good, bad], bare(join(folder, 'cache')));
  assert.equal(code, 3);
  const { ok, packs } = parse(stdout);
  assert.equal(ok, false);
  assert.deepEqual(
    packs.map(({ id, error }) => id ?? error?.code),
    ['builtin', 'good', 'pack-file-missing'],
  );
});

const interrupted = `
import { doctor } from '@clipcap/server/cli/doctor';
const [inference, builtin] = process.argv.slice(1);
process.exitCode = await doctor({ packs: [], retry: false, json: true }, { inference, builtin }, '');
`;

test('Ctrl-C while a pack is loaded, by a fake, ends doctor without waiting for it', async (t) => {
  const folder = await temporaryFolder(t);
  const args = [fixture('processes/slowLoad.mjs'), join(root, 'models', 'builtin')];
  const env = { XDG_CACHE_HOME: folder, CLIPCAP_TEST_ANSWERED: join(folder, 'answered') };
  const { code, stdout, stderr } = await runModule(interrupted, args, env);
  assert.deepEqual([code, stdout, stderr], [130, '', '']);
  assert.ok(!(await readdir(folder)).includes('answered'));
});

test('a provider asked for by name that cannot be used fails the run with the reason', async (t) => {
  const cache = await temporaryFolder(t);
  const photo = fixture('photos/moon.jpg');
  for (const provider of ['webgpu', 'cuda', 'directml', 'coreml']) {
    const { code, stdout } = await clipcap(['caption', '--json', '--provider', provider, photo], bare(cache));
    assert.equal(code, 3);
    const error = failure(stdout);
    assert.equal(error.code, 'provider-unavailable');
    assert.match(error.message, new RegExp(`${provider} cannot be used: .+ Use auto or cpu`, 'u'));
  }
});

test('nothing but the memory of trials is left in the cache: ONNX Runtime’s own reports to its makers are off', async (t) => {
  const cache = await temporaryFolder(t);
  await clipcap(['doctor'], bare(cache));
  await clipcap(['caption', fixture('photos/moon.jpg')], bare(cache));
  assert.deepEqual(await readdir(cache), ['clipcap-lens']);
  assert.deepEqual(await readdir(join(cache, 'clipcap-lens')), ['providers.json']);
});

test('CUDA’s library is not downloaded without consent', async (t) => {
  const { code, stdout, stderr } = await clipcap(['doctor', '--install-cuda'], bare(await temporaryFolder(t)));
  if (process.platform === 'linux' && process.arch === 'x64') {
    assert.equal(code, 2);
    assert.match(stdout, /downloads .+ from https:\/\/api\.nuget\.org .+megabytes/su);
    assert.match(stderr, /^Nothing was downloaded: nobody can be asked here\. Say --yes/u);
  } else {
    assert.equal(code, 3);
  }
});

test('a download of CUDA’s library that fails says why and changes nothing', async (t) => {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    t.skip('there is no CUDA provider for this platform');
    return;
  }
  const { env } = bare(await temporaryFolder(t));
  // A proxy that nobody listens at: the network cannot be reached, whatever it is.
  // Where npm runs a script of the project, ONNX Runtime's own script takes itself for a part of ONNX Runtime's sources.
  const byNpm = { npm_config_local_prefix: root, npm_package_json: join(root, 'package.json') };
  const offline = { ...env, ...byNpm, GLOBAL_AGENT_HTTPS_PROXY: 'http://127.0.0.1:9', GLOBAL_AGENT_NO_PROXY: '' };
  const before = await readdir(runtime);
  const { code, stderr } = await clipcap(['doctor', '--install-cuda', '--yes'], { env: offline });
  assert.equal(code, 3);
  assert.match(stderr, /could not be installed \(connect ECONNREFUSED .+\)\. Check the network/u);
  assert.deepEqual(await readdir(runtime), before);
});
