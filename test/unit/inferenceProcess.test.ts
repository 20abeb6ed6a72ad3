/** Supervision of the inference process, with processes that crash, hang or never start (test/fixtures/processes). */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CancellationTokenSource, type CancellationToken } from 'vscode-jsonrpc';
import type { CaptionOptions, CaptionResult } from '@clipcap/protocol/caption';
import { CaptionError } from '@clipcap/protocol/error';
import { type Priority, priorities } from '@clipcap/protocol/inference';
import { InferenceProcess } from '@clipcap/server/process/inferenceProcess';
import type { InferenceState } from '@clipcap/server/process/inferenceState';
import { Restarted } from '@clipcap/server/process/sharedRun';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';

interface Asked {
  readonly priority?: Priority;
  readonly sha256?: string;
  readonly token?: CancellationToken;
  readonly options?: CaptionOptions;
  readonly grown?: (text: string) => void;
}

function setUp(context: TestContext, entry = 'inference.mjs', idleMilliseconds = Infinity) {
  const log: string[] = [];
  const states: InferenceState[] = [];
  const inference = new InferenceProcess({
    entry: fixture(`processes/${entry}`),
    idleMilliseconds,
    log: (_level, message) => log.push(message),
  });
  inference.onState((state) => states.push(state));
  context.after(() => inference.dispose());
  const ask = (
    name: string,
    { priority = priorities.command, sha256 = name, token, options = {}, grown }: Asked = {},
  ): Promise<CaptionResult> => {
    const params = { model: '/pack', provider: 'cpu', bytes: Uint8Array.of(1), name, sha256, priority, options };
    return inference.caption(params, token, grown);
  };
  return { inference, ask, log, states };
}

const code = (expected: string) => (error: unknown) => error instanceof CaptionError && error.code === expected;
const codeOf = (error: unknown): string => (error instanceof CaptionError ? error.code : String(error));
const text = (result: CaptionResult): string => result.image.captions[0]?.text ?? '';
const pid = (result: CaptionResult): number => Number(result.model.id);
const order = (result: CaptionResult): number => -(result.image.captions[0]?.score ?? 0);

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves once the state is as wanted. */
async function reaches(inference: InferenceProcess, wanted: InferenceState['state']): Promise<void> {
  if (inference.state.state === wanted) return;
  await new Promise<void>((resolve) => {
    const listener = inference.onState((state) => {
      if (state.state !== wanted) return;
      listener.dispose();
      resolve();
    });
  });
}

test('the process starts with the first request and says what it is doing', async (context) => {
  const { inference, ask, states } = setUp(context);
  assert.deepEqual(inference.state, { state: 'idle' });
  assert.equal(text(await ask('a.png')), 'a.png');
  assert.deepEqual(
    states.map((state) => state.state),
    ['loading', 'ready'],
  );
  assert.deepEqual(states[0], { state: 'loading', model: '/pack' });
});

test('equal requests share one run; cancelling one of them does not cancel the other', async (context) => {
  const { ask } = setUp(context);
  const source = new CancellationTokenSource();
  const first = ask('slow', { token: source.token });
  const second = ask('slow');
  source.cancel();
  await assert.rejects(first, code('cancelled'));
  assert.equal(order(await second), 0);
  assert.equal(order(await ask('other')), 1, 'the first run was the only one before');
});

test('requests that differ in any option are runs of their own', async (context) => {
  const { ask } = setUp(context);
  const options: readonly CaptionOptions[] = [
    {},
    { seed: 1 },
    { seed: 2 },
    { begin: 'a' },
    { stop: [1] },
    { groups: 2 },
  ];
  const results = await Promise.all(options.map((one) => ask('slow', { options: one })));
  assert.equal(new Set(results.map(order)).size, options.length);
});

test('everyone who listens sees the caption grow, and a run that nobody listens to reports nothing', async (context) => {
  const { ask } = setUp(context);
  const heard: string[][] = [[], []];
  await Promise.all([
    ask('grow it', { grown: (caption) => heard[0]?.push(caption) }),
    ask('grow it', { grown: (caption) => heard[1]?.push(caption) }),
    ask('grow it'),
    ask('grow another'),
  ]);
  assert.deepEqual(heard, [
    ['a', 'a b'],
    ['a', 'a b'],
  ]);
});

test('when the last who waits cancels, the process is told', async (context) => {
  const { ask, log } = setUp(context);
  const source = new CancellationTokenSource();
  const held = ask('hold it', { token: source.token });
  await ask('other');
  source.cancel();
  await assert.rejects(held, code('cancelled'));
  while (!log.includes('cancelled hold it')) await ask('other');
});

test('a request that is cancelled already is not sent', async (context) => {
  const { inference, ask } = setUp(context);
  const source = new CancellationTokenSource();
  source.cancel();
  await assert.rejects(ask('a.png', { token: source.token }), code('cancelled'));
  assert.deepEqual(inference.state, { state: 'idle' });
});

test('a crash loses no request: the next process answers what was waiting and running', async (context) => {
  const { ask, log } = setUp(context);
  const marker = join(await temporaryFolder(context), 'crashed');
  const names = Array.from({ length: 40 }, (_, i) => `${i}.png`);
  const requests = [`once ${marker}`, ...names].map((name) => ask(name, { priority: priorities.batch }));
  assert.deepEqual((await Promise.all(requests)).map(text), [`once ${marker}`, ...names]);
  assert.match(log.find((line) => line.includes('unexpectedly')) ?? '', /SIGKILL: Error: it hurts/u);
});

test('kill -9 in the middle of a batch loses nothing', async (context) => {
  const { ask } = setUp(context);
  const first = pid(await ask('a.png'));
  const requests = Array.from({ length: 30 }, (_, i) => ask(`slow ${i}`, { priority: priorities.batch }));
  process.kill(first, 'SIGKILL');
  const results = await Promise.all(requests);
  assert.deepEqual(
    results.map(text),
    results.map((_, i) => `slow ${i}`),
  );
  assert.ok(results.every((result) => pid(result) !== first));
});

test('only the request that killed the process twice fails', async (context) => {
  const { ask } = setUp(context);
  const names = ['slow a', 'slow b', 'crash it', 'slow c', 'slow d'];
  const results = await Promise.allSettled(names.map((name) => ask(name)));
  assert.deepEqual(
    results.map((result) => result.status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  );
  await assert.rejects(ask('crash it'), (error) => code('inference-crashed')(error) && /crash it/u.test(String(error)));
});

test('many requests that kill the process, together and spread over a long run, take no other down', async (context) => {
  const { ask } = setUp(context);
  const names = Array.from({ length: 34 }, (_, i) => (i < 3 || i % 16 === 15 ? `crash ${i}` : `${i}.png`));
  const results = await Promise.allSettled(names.map((name) => ask(name, { priority: priorities.batch })));
  assert.deepEqual(
    results.map((result) => (result.status === 'fulfilled' ? text(result.value) : codeOf(result.reason))),
    names.map((name) => (name.startsWith('crash') ? 'inference-crashed' : name)),
  );
});

test('a process that dies of every request goes down though each of them is guilty', async (context) => {
  const { ask, states } = setUp(context);
  const names = Array.from({ length: 11 }, (_, i) => `crash ${i}`);
  const results = await Promise.allSettled(names.map((name) => ask(name, { priority: priorities.batch })));
  const codes = results.map((result) => (result.status === 'rejected' ? codeOf(result.reason) : ''));
  assert.equal(codes.filter((found) => found === 'inference-down').length, 2);
  assert.equal(states.at(-1)?.state, 'failed');
});

test('a process that keeps dying stays down, with the reason, until it is restarted', async (context) => {
  const repaired = join(await temporaryFolder(context), 'repaired');
  process.env['CLIPCAP_TEST_REPAIRED'] = repaired;
  context.after(() => delete process.env['CLIPCAP_TEST_REPAIRED']);
  const { inference, ask, states, log } = setUp(context, 'broken.mjs');
  await assert.rejects(ask('a.png'), code('inference-down'));
  assert.equal(states.filter((state) => state.state === 'loading').length, 5, 'one start and four restarts');
  assert.match(inference.state.state === 'failed' ? inference.state.reason : '', /exit code 7: Error: the runtime is/u);
  await assert.rejects(ask('b.png'), code('inference-down'));
  assert.ok(log.includes('Error: the runtime is missing'), 'what it printed is in the log');
  writeFileSync(repaired, '');
  await inference.restart();
  assert.equal(inference.state.state, 'idle');
  assert.equal(text(await ask('c.png')), 'c.png');
});

test('a restart ends the process, lets go of what was with it, and loads nothing by itself', async (context) => {
  const { inference, ask, log } = setUp(context);
  const first = pid(await ask('a.png'));
  const running = ask('slow');
  const lost = assert.rejects(running, (error) => error instanceof Restarted && !isAlive(first));
  await inference.restart();
  await lost;
  await inference.load('/other', 'cpu');
  assert.deepEqual(
    log.filter((line) => line.startsWith('loads')),
    ['loads /other'],
  );
  assert.notEqual(pid(await ask('slow')), first);
});

test('an idle process ends, and the next request starts another', async (context) => {
  const { inference, ask } = setUp(context, 'inference.mjs', 30);
  const first = pid(await ask('a.png'));
  await reaches(inference, 'idle');
  const second = pid(await ask('a.png'));
  assert.notEqual(second, first);
});

test('disposing ends the process and rejects what waits', async (context) => {
  const { inference, ask } = setUp(context);
  const first = pid(await ask('a.png'));
  const held = ask('hold it');
  const rejected = assert.rejects(held, code('cancelled'));
  await inference.dispose();
  await rejected;
  assert.equal(isAlive(first), false);
  await assert.rejects(ask('b.png'), code('cancelled'));
});

test('a hover is sent at once though a batch fills the process, and the most urgent of what waits goes first', async (context) => {
  const { ask } = setUp(context);
  const source = new CancellationTokenSource();
  const held = Array.from({ length: 16 }, (_, i) =>
    ask(`hold ${i}`, { priority: priorities.batch, token: source.token }).catch(() => undefined),
  );
  const batch = ask('batch', { priority: priorities.batch });
  assert.equal(text(await ask('hover', { priority: priorities.hover })), 'hover');
  source.cancel();
  await Promise.all(held);
  assert.equal(order(await batch), 1);
});

test('a hover that joins a request of a batch is as urgent as any hover, whether the request is sent or still waits', async (context) => {
  const { ask } = setUp(context);
  const source = new CancellationTokenSource();
  const { batch, hover } = priorities;
  const sent = ask('urge sent', { priority: batch });
  const held = Array.from({ length: 15 }, (_, i) =>
    ask(`hold ${i}`, { priority: batch, token: source.token }).catch(() => undefined),
  );
  const waiting = ask('priority waiting', { priority: batch });
  assert.equal(text(await ask('priority waiting', { priority: hover })), `priority waiting ${hover}`);
  assert.equal(text(await ask('urge sent', { priority: hover })), `urge sent ${hover}`);
  assert.deepEqual((await Promise.all([waiting, sent])).map(text), [`priority waiting ${hover}`, `urge sent ${hover}`]);
  source.cancel();
  await Promise.all(held);
});

test('equal views of an image share one run; another parameter, reference or other image is another run', async (t) => {
  const { inference } = setUp(t);
  const image = { bytes: Uint8Array.of(1), name: 'a', sha256: 'a' };
  const asked = { model: '/pack', provider: 'cpu', image, uri: 'file:///a', options: {}, others: [] };
  const table = { ...asked, view: 'table' as const, params: {} };
  const other = { uri: 'file:///b', label: 'b', prefix: Float32Array.of(1) };
  const runs = await Promise.all(
    [
      table,
      { ...table },
      { ...table, params: { nearest: 3 } },
      { ...table, reference: { mean: Float32Array.of(1), images: 2 } },
      { ...table, others: [other] },
      { ...table, others: [{ ...other, prefix: Float32Array.of(2) }] },
    ].map((params) => inference.lens(params)),
  );
  const numbers = runs.map(({ data }) => ('labels' in data ? data.labels[0]?.label : undefined));
  assert.equal(numbers[0], numbers[1]);
  assert.equal(new Set(numbers).size, 5);
});
