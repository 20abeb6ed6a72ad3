/**
 * Which execution provider is taken. No GPU is used here: the runtime's trials are fakes that say what a machine with
 * CUDA, DirectML or Core ML would say, behind the interface of the real ones.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { CaptionError } from '@clipcap/protocol/error';
import type { Provider, TrialResult } from '@clipcap/protocol/provider';
import { builtProviders } from '@clipcap/server/inference/provider';
import { sessionOptions } from '@clipcap/server/inference/sessionOptions';
import { platformOrder } from '@clipcap/server/process/machine';
import { automatic, ProviderChoice } from '@clipcap/server/process/providerChoice';
import { Verdicts } from '@clipcap/server/process/verdicts';
import { temporaryFolder } from '../temporaryFolder.js';

const fast: TrialResult = { outcome: 'agrees', milliseconds: 5, cpuMilliseconds: 50 };
const slow: TrialResult = { outcome: 'agrees', milliseconds: 500, cpuMilliseconds: 50 };
const refused = (reason: string): TrialResult => ({ outcome: 'refused', reason });

const unavailable = (reason: RegExp) => (error: unknown) =>
  error instanceof CaptionError && error.code === 'provider-unavailable' && reason.test(error.message);

const names = (provider: Provider) => sessionOptions(provider).executionProviders;

interface Machine {
  readonly order?: readonly Provider[];
  readonly trials?: Partial<Record<Provider, TrialResult>>;
  readonly absent?: Partial<Record<Provider, string>>;
  readonly machine?: string;
  readonly folder?: string;
  /** What a trial waits for. */
  readonly until?: Promise<unknown>;
}

/** A fake machine: `tried` records its trials. */
async function fakeMachine(t: TestContext, machine: Machine) {
  const folder = machine.folder ?? (await temporaryFolder(t));
  const pack = join(folder, 'pack');
  await mkdir(pack, { recursive: true });
  await writeFile(join(pack, 'pack.json'), '{}');
  const tried: Provider[] = [];
  const file = join(folder, 'cache', 'providers.json');
  const choice = new ProviderChoice({
    order: machine.order ?? ['cuda', 'webgpu', 'cpu'],
    verdicts: new Verdicts(file, machine.machine ?? 'this machine'),
    absence: (provider) => machine.absent?.[provider],
    trial: async (_, provider) => {
      tried.push(provider);
      await machine.until;
      const result = machine.trials?.[provider];
      return result ?? assert.fail(`${provider} was not to be tried`);
    },
  });
  return { choice, pack, tried, file, folder };
}

test('each platform tries its own provider first, then WebGPU, then the CPU', () => {
  assert.deepEqual(platformOrder('linux'), ['cuda', 'webgpu', 'cpu']);
  assert.deepEqual(platformOrder('win32'), ['directml', 'webgpu', 'cpu']);
  assert.deepEqual(platformOrder('darwin'), ['coreml', 'webgpu', 'cpu']);
});

test('what a build of ONNX Runtime lists is understood in its own words', () => {
  const windows = [{ name: 'cpu' }, { name: 'dml' }, { name: 'webgpu' }, { name: 'qnn' }];
  const built = builtProviders(windows.map(({ name }) => ({ name, bundled: true })));
  assert.deepEqual(built, ['directml', 'webgpu', 'cpu']);
});

test('every provider gets the options that it needs, and the CPU for what it lacks', () => {
  assert.deepEqual(names('cuda'), [{ name: 'cuda', deviceId: 0 }, 'cpu']);
  assert.deepEqual(names('directml'), [{ name: 'dml' }, 'cpu']);
  assert.deepEqual(names('coreml'), [{ name: 'coreml', coreMlFlags: 0x010 }, 'cpu']);
  assert.deepEqual(names('webgpu'), [{ name: 'webgpu' }, 'cpu']);
  assert.deepEqual(names('cpu'), ['cpu']);
  const { enableMemPattern, executionMode } = sessionOptions('directml');
  assert.deepEqual({ enableMemPattern, executionMode }, { enableMemPattern: false, executionMode: 'sequential' });
});

test('kept outputs stay on the device with WebGPU, whose tensors may', () => {
  const kept = { keptOutputs: ['present_key_0'] };
  assert.deepEqual(sessionOptions('webgpu', kept).preferredOutputLocation, { present_key_0: 'gpu-buffer' });
  assert.equal(sessionOptions('cuda', kept).preferredOutputLocation, undefined);
  assert.equal(sessionOptions('cpu', kept).preferredOutputLocation, undefined);
});

test('providers are tried in order up to the first that can be trusted, and only that far', async (t) => {
  const { choice, pack, tried } = await fakeMachine(t, { trials: { cuda: fast } });
  assert.equal(automatic(await choice.verdicts(pack)), 'cpu');
  assert.equal(await choice.proveInOrder(pack), 'cuda');
  assert.deepEqual(tried, ['cuda']);
  assert.equal(automatic(await choice.verdicts(pack)), 'cuda');
});

test('one that is refused gives way to the next, with its reason kept', async (t) => {
  const trials = { directml: refused('its logits differ'), webgpu: fast };
  const { choice, pack, tried } = await fakeMachine(t, { order: platformOrder('win32'), trials });
  assert.equal(await choice.proveInOrder(pack), 'webgpu');
  assert.deepEqual(tried, ['directml', 'webgpu']);
  const [first] = await choice.verdicts(pack);
  assert.deepEqual(first, { provider: 'directml', state: 'refused', reason: 'its logits differ' });
});

test('with nothing to trust the CPU remains; what is absent is not even tried', async (t) => {
  const machine = {
    order: platformOrder('linux'),
    absent: { cuda: 'no library' },
    trials: { webgpu: refused('no adapter') },
  };
  const { choice, pack, tried } = await fakeMachine(t, machine);
  assert.equal(await choice.proveInOrder(pack), 'cpu');
  assert.deepEqual(tried, ['webgpu']);
});

test('one that is slower than the CPU is not taken by auto, but by name', async (t) => {
  const { choice, pack } = await fakeMachine(t, {
    order: platformOrder('darwin'),
    trials: { coreml: slow, webgpu: slow },
  });
  assert.equal(await choice.proveInOrder(pack), 'cpu');
  assert.equal(automatic(await choice.verdicts(pack)), 'cpu');
  assert.equal(await choice.named(pack, 'coreml'), 'coreml');
});

test('a provider asked for by name that cannot be used is an error with its reason, never another one', async (t) => {
  const { choice, pack, tried } = await fakeMachine(t, {
    trials: { cuda: refused('no device') },
    absent: { coreml: 'not here' },
  });
  await assert.rejects(choice.named(pack, 'cuda'), unavailable(/cuda cannot be used: no device\. Use auto or cpu/u));
  await assert.rejects(choice.named(pack, 'coreml'), unavailable(/not here/u));
  await assert.rejects(choice.named(pack, 'abacus'), unavailable(/"abacus"/u));
  assert.equal(await choice.named(pack, 'cpu'), 'cpu');
  assert.deepEqual(tried, ['cuda']);
});

test('simultaneous requests share one trial', async (t) => {
  const { choice, pack, tried } = await fakeMachine(t, { trials: { webgpu: fast } });
  await Promise.all([choice.named(pack, 'webgpu'), choice.named(pack, 'webgpu')]);
  assert.deepEqual(tried, ['webgpu']);
});

test('the next process knows what was found; another machine or pack does not', async (t) => {
  const first = await fakeMachine(t, { trials: { cuda: refused('no device') } });
  await first.choice.prove(first.pack, 'cuda');
  const { folder } = first;
  const next = await fakeMachine(t, { folder });
  assert.equal((await next.choice.prove(next.pack, 'cuda')).state, 'refused');
  assert.deepEqual(next.tried, []);
  const newDriver = await fakeMachine(t, { folder, machine: 'with a new driver', trials: { cuda: fast } });
  assert.equal((await newDriver.choice.prove(newDriver.pack, 'cuda')).state, 'trusted');
  await writeFile(join(next.pack, 'pack.json'), '{ "id": "other" }');
  assert.equal((await next.choice.verdicts(next.pack))[0]?.state, 'untried');
});

test('what was found can be forgotten, and is then tried again', async (t) => {
  const { choice, pack, tried, file, folder } = await fakeMachine(t, { trials: { webgpu: refused('busy') } });
  await choice.prove(pack, 'webgpu');
  await choice.forget();
  assert.equal((await choice.verdicts(pack)).find(({ provider }) => provider === 'webgpu')?.state, 'untried');
  await choice.prove(pack, 'webgpu');
  assert.deepEqual(tried, ['webgpu', 'webgpu']);
  assert.match(await readFile(file, 'utf8'), /busy/u);
  assert.deepEqual(await readdir(join(folder, 'cache')), ['providers.json']);
});

test('what another process has forgotten is not known here any more', async (t) => {
  const { choice, pack, folder, tried } = await fakeMachine(t, { trials: { webgpu: refused('busy') } });
  await choice.prove(pack, 'webgpu');
  await (await fakeMachine(t, { folder })).choice.forget();
  await choice.prove(pack, 'webgpu');
  assert.deepEqual(tried, ['webgpu', 'webgpu']);
});

test('a trial that was under way when all was forgotten leaves nothing', async (t) => {
  const end = new EventEmitter();
  const until = once(end, 'end');
  const { choice, pack, tried } = await fakeMachine(t, { trials: { webgpu: refused('old driver') }, until });
  const trial = choice.prove(pack, 'webgpu');
  while (tried.length === 0) await choice.verdicts(pack);
  await choice.forget();
  end.emit('end');
  assert.equal((await trial).reason, 'old driver');
  assert.equal((await choice.verdicts(pack)).find(({ provider }) => provider === 'webgpu')?.state, 'untried');
});

test('a memory that is damaged or cannot be written costs a trial, no more', async (t) => {
  const { choice, pack, file, tried } = await fakeMachine(t, { trials: { webgpu: fast, cuda: fast } });
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, '{ "version": 1, "entries": [ { "machine": 7 }, null, { "provi');
  assert.equal(await choice.named(pack, 'webgpu'), 'webgpu');
  const folderInItsPlace = new Verdicts(pack, 'm');
  await folderInItsPlace.set('p', 'cuda', fast);
  assert.deepEqual(await folderInItsPlace.get('p', 'cuda'), fast);
  assert.deepEqual(tried, ['webgpu']);
});

test(
  'a pipe in place of the memory is not waited for, and makes room for a file',
  { skip: process.platform === 'win32' && 'needs mkfifo' },
  async (t) => {
    const file = join(await temporaryFolder(t), 'providers.json');
    execFileSync('mkfifo', [file]);
    const verdicts = new Verdicts(file, 'm');
    assert.equal(await verdicts.get('p', 'cuda'), undefined);
    await verdicts.set('p', 'cuda', fast);
    assert.deepEqual(await new Verdicts(file, 'm').get('p', 'cuda'), fast);
  },
);
