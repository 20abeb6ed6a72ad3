/** Inference and its providers: when trials begin, what they change, and what a provider's failure later does. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Emitter } from 'vscode-jsonrpc';
import type { ModelInfo } from '@clipcap/protocol/caption';
import { CaptionError } from '@clipcap/protocol/error';
import { priorities } from '@clipcap/protocol/inference';
import type { Provider, TrialResult } from '@clipcap/protocol/provider';
import type { InferenceState } from '@clipcap/server/process/inferenceState';
import { ProvedInference } from '@clipcap/server/process/provedInference';
import { ProviderChoice } from '@clipcap/server/process/providerChoice';
import { Restarted } from '@clipcap/server/process/sharedRun';
import { Verdicts } from '@clipcap/server/process/verdicts';
import { temporaryFolder } from '../temporaryFolder.js';

const fast: TrialResult = { outcome: 'agrees', milliseconds: 5, cpuMilliseconds: 50 };
const timings = { decode: 0, preprocess: 0, encode: 0, map: 0, generate: 0, interpret: 0 };

function info(provider: string): ModelInfo {
  return { id: 'm', encoder: 'e', mapper: 'm', prefixLength: 1, width: 1, dtype: 'f', provider };
}

interface SetUp {
  readonly switches?: boolean;
  readonly trial?: TrialResult;
  /** Providers on which captions fail; may be changed meanwhile. */
  readonly failing?: readonly string[];
  /** Providers on which a caption never comes, but for a restart. */
  readonly hanging?: readonly string[];
}

/** Inference with fakes for the process and the runtime; `events` says what ran, in order. */
async function setUp(t: TestContext, { switches = true, trial = fast, failing = [], hanging = [] }: SetUp = {}) {
  const folder = await temporaryFolder(t);
  const model = join(folder, 'pack');
  await mkdir(model);
  await writeFile(join(model, 'pack.json'), '{}');
  const events: string[] = [];
  const states = new Emitter<InferenceState>();
  const stop = new AbortController();
  let state: InferenceState = { state: 'idle' };
  const loads = new Emitter<void>();
  let lose: (error: Restarted) => void;
  const lost = new Promise<never>((_, reject) => (lose = reject));
  lost.catch(() => undefined);
  const inference = new ProvedInference({
    inference: {
      get state() {
        return state;
      },
      onState: states.event,
      caption({ provider, sha256 }) {
        events.push(`caption on ${provider}`);
        state = { state: 'ready', model: info(provider), title: 'M' };
        if (failing.includes(provider)) return Promise.reject(new CaptionError('inference-crashed', 'It died.'));
        if (hanging.includes(provider)) return lost;
        const image = { sha256, width: 1, height: 1, captions: [], prefix: [], timings };
        return Promise.resolve({ model: info(provider), title: 'M', image });
      },
      lens({ provider, view }) {
        events.push(`lens on ${provider}`);
        if (failing.includes(provider)) return Promise.reject(new CaptionError('inference-crashed', 'It died.'));
        return Promise.resolve({ model: info(provider), view, data: { of: 'classes', among: 0, labels: [] } });
      },
      encode({ provider }) {
        events.push(`encode on ${provider}`);
        return Promise.resolve({ prefix: new Float32Array(), width: 1, height: 1 });
      },
      picture: () => Promise.resolve(new Uint8Array()),
      load(_, provider) {
        events.push(`load on ${provider}`);
        loads.fire();
        return Promise.resolve(info(provider));
      },
      start: () => undefined,
      restart() {
        lose(new Restarted('i'));
        return Promise.resolve();
      },
      dispose: () => Promise.resolve(),
    },
    choice: new ProviderChoice({
      order: ['cuda', 'webgpu', 'cpu'],
      verdicts: new Verdicts(join(folder, 'providers.json'), 'm'),
      absence: (provider) => (provider === 'cuda' ? 'no library' : undefined),
      trial(_, provider: Provider) {
        events.push(`trial of ${provider}`);
        return Promise.resolve(trial);
      },
    }),
    switches,
    log: () => undefined,
    stop,
  });
  t.after(() => inference.dispose());
  const caption = (provider = 'auto') => {
    const image = { bytes: Uint8Array.of(1), name: 'i', sha256: 's', priority: priorities.batch, options: {} };
    return inference.caption({ ...image, model, provider });
  };
  const changed = new Promise<void>((resolve) => inference.onState(() => resolve()));
  const loaded = new Promise<void>((resolve) => loads.event(() => resolve()));
  return { inference, model, caption, events, changed, loaded, stop };
}

test('the first caption runs on the CPU; trials come after it, and the winner takes over', async (t) => {
  const { caption, events, loaded } = await setUp(t);
  assert.equal((await caption()).model.provider, 'cpu');
  assert.deepEqual(events, ['caption on cpu']);
  await loaded;
  assert.deepEqual(events, ['caption on cpu', 'trial of webgpu', 'load on webgpu']);
  assert.equal((await caption()).model.provider, 'webgpu');
});

test('one run of the command line keeps to one provider, whatever is found meanwhile', async (t) => {
  const { caption, events, changed } = await setUp(t, { switches: false });
  await caption();
  await changed;
  assert.equal((await caption()).model.provider, 'cpu');
  assert.deepEqual(events, ['caption on cpu', 'trial of webgpu', 'caption on cpu']);
});

test('a program that ends after one caption tries nothing', async (t) => {
  const { inference, caption, events } = await setUp(t);
  await caption();
  await inference.dispose();
  assert.deepEqual(events, ['caption on cpu']);
});

test('why a provider is not used is part of the state', async (t) => {
  const { inference, caption, changed } = await setUp(t, { trial: { outcome: 'refused', reason: 'no adapter' } });
  await caption();
  await changed;
  const { state } = inference;
  assert.ok(state.state === 'ready');
  const webgpu = state.providers?.find(({ provider }) => provider === 'webgpu');
  assert.deepEqual(webgpu, { provider: 'webgpu', state: 'refused', reason: 'no adapter' });
});

test('a provider asked for by name is tried before the first caption', async (t) => {
  const { caption, events } = await setUp(t);
  assert.equal((await caption('webgpu')).model.provider, 'webgpu');
  assert.deepEqual(events, ['trial of webgpu', 'caption on webgpu']);
});

test('with auto, a provider that fails after it was trusted hands over to the CPU for good', async (t) => {
  const { caption, events, loaded } = await setUp(t, { failing: ['webgpu'] });
  await caption();
  await loaded;
  assert.equal((await caption()).model.provider, 'cpu');
  assert.equal((await caption()).model.provider, 'cpu');
  assert.deepEqual(events.slice(3), ['caption on webgpu', 'caption on cpu', 'caption on cpu']);
});

test('a provider is not blamed for an image that fails on the CPU, too', async (t) => {
  const failing: string[] = [];
  const { caption, events, loaded } = await setUp(t, { failing });
  await caption();
  await loaded;
  failing.push('webgpu', 'cpu');
  await assert.rejects(caption(), { code: 'inference-crashed' });
  failing.length = 0;
  assert.equal((await caption()).model.provider, 'webgpu');
  assert.deepEqual(events.slice(3), ['caption on webgpu', 'caption on cpu', 'caption on webgpu']);
});

test('a provider that proves itself does not bring back a pack that is no longer in use', async (t) => {
  const { inference, model, caption, events, changed } = await setUp(t);
  await caption();
  await inference.load(`${model}-2`, 'cpu');
  await changed;
  assert.deepEqual(events, ['caption on cpu', 'load on cpu', 'trial of webgpu']);
  assert.equal((await caption()).model.provider, 'webgpu');
});

test('a provider asked for by name that fails is an error, not another provider', async (t) => {
  const { caption, events } = await setUp(t, { failing: ['webgpu'] });
  await assert.rejects(caption('webgpu'), { code: 'inference-crashed' });
  assert.deepEqual(events, ['trial of webgpu', 'caption on webgpu']);
});

test('what hung on a provider when inference was restarted is asked for again on what is trusted then', async (t) => {
  const { inference, caption, events, loaded } = await setUp(t, { hanging: ['webgpu'] });
  await caption();
  await loaded;
  const hung = caption();
  await new Promise(setImmediate);
  await inference.restart();
  assert.equal((await hung).model.provider, 'cpu');
  assert.deepEqual(events.slice(3), ['caption on webgpu', 'caption on cpu']);
});

test('a restart tries again', async (t) => {
  const { inference, caption, events } = await setUp(t, { trial: { outcome: 'refused', reason: 'busy' } });
  await assert.rejects(caption('webgpu'), { code: 'provider-unavailable' });
  await assert.rejects(caption('webgpu'), { code: 'provider-unavailable' });
  await inference.restart();
  await assert.rejects(caption('webgpu'), { code: 'provider-unavailable' });
  assert.deepEqual(events, ['trial of webgpu', 'trial of webgpu']);
});
