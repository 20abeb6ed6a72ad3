/** Trials of execution providers: what is compared, and what becomes of a process that hangs or dies of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CaptionError } from '@clipcap/protocol/error';
import type { Provider } from '@clipcap/protocol/provider';
import type { Probe } from '@clipcap/server/inference/probe';
import { compareWithCpu as compare, toleranceOf } from '@clipcap/server/inference/trial';
import { runTrial } from '@clipcap/server/process/trialProcess';
import { fixture } from '../root.js';

const tolerance = toleranceOf('fp32');
const compareWithCpu = (provider: Provider, run: (on: Provider) => Promise<Probe>) => compare(provider, tolerance, run);

const reference: Probe = {
  embedding: Float32Array.of(1, -2, 0.5),
  prefix: Float32Array.of(0.25, -0.125),
  nearest: Float32Array.of(0.9, 0.8),
  logits: [Float32Array.of(3, -4, 1), Float32Array.of(2, -1, -1), Float32Array.of(-3, 1, 2)],
  milliseconds: 20,
};

/** A fake runtime: what it computes on the GPU is said by the test. */
const onGpu =
  (probe: Partial<Probe> | Error) =>
  (on: Provider): Promise<Probe> => {
    if (on === 'cpu') return Promise.resolve(reference);
    if (probe instanceof Error) return Promise.reject(probe);
    return Promise.resolve({ ...reference, milliseconds: 5, ...probe });
  };

/** An embedding whose difference from the CPU's is this share of its largest value. */
const off = (by: number): Partial<Probe> => ({ embedding: Float32Array.of(1, -2 + 2 * by, 0.5) });

/** Logits that differ from the CPU's at a step. */
const changedAt = (step: number, logits: Float32Array): Partial<Probe> => ({
  logits: reference.logits.map((expected, index) => (index === step ? logits : expected)),
});

const refusal = async (probe: Partial<Probe> | Error): Promise<string> => {
  const result = await compareWithCpu('webgpu', onGpu(probe));
  assert.equal(result.outcome, 'refused');
  return result.reason;
};

test('a provider that computes what the CPU computes agrees, with both times', async () => {
  const result = await compareWithCpu('webgpu', onGpu({}));
  assert.deepEqual(result, { outcome: 'agrees', milliseconds: 5, cpuMilliseconds: 20 });
});

test('a difference within the tolerance of the largest value is no disagreement, a larger one names the step', async () => {
  const within = await compareWithCpu('cuda', onGpu(off(tolerance * 0.99)));
  assert.equal(within.outcome, 'agrees');
  assert.match(await refusal(off(tolerance * 1.01)), /^its image embedding differs from the CPU’s \(1\.0 %/u);
  assert.match(await refusal({ prefix: Float32Array.of(0.25, 0.125) }), /^its prefix differs/u);
  assert.match(await refusal({ nearest: Float32Array.of(0.9, -0.8) }), /^its nearest words differ/u);
  assert.match(await refusal(changedAt(0, Float32Array.of(3, -4, 1.1))), /^its logits of step 1 differ/u);
});

test('where the CPU itself rounds to 8 bit, more is allowed', async () => {
  const allowed = toleranceOf('q4');
  assert.ok(allowed > tolerance && allowed === toleranceOf('q8'));
  assert.equal((await compare('cuda', allowed, onGpu(off(allowed * 0.99)))).outcome, 'agrees');
  assert.equal((await compare('cuda', allowed, onGpu(off(allowed * 1.01)))).outcome, 'refused');
});

test('values that are no numbers, or too few of them, disagree', async () => {
  assert.match(await refusal(changedAt(0, Float32Array.of(3, NaN, 1))), /^its logits/u);
  assert.match(await refusal({ embedding: Float32Array.of(1, -2) }), /^its image embedding/u);
});

test('a cache that is wrong from some step on is found there, whatever the first logits are', async () => {
  assert.match(await refusal(changedAt(2, Float32Array.of(-3, 2, 1))), /^its logits of step 3 differ/u);
});

test('a provider that fails is refused with the runtime’s reason, without its place in the sources', async () => {
  const native = new Error('/src/webgpu_context.cc:136 Init() ok was false. No supported adapters\n');
  const wrapped = new CaptionError('inference-failed', 'The model could not be loaded.', { cause: native });
  assert.equal(await refusal(wrapped), 'No supported adapters');
});

const never = new AbortController().signal;
const entry = fixture('processes/trial.mjs');

test('a trial runs in a process of its own and gives its result', async () => {
  const result = await runTrial(entry, 'fine', 'cuda', never);
  assert.deepEqual(result, { outcome: 'agrees', milliseconds: 1, cpuMilliseconds: 2 });
});

test('a provider that hangs with its thread is refused after the limit', async () => {
  const result = await runTrial(entry, 'hangs', 'cuda', never, 300);
  assert.deepEqual(result, { outcome: 'refused', reason: 'it had not answered after 0.3 seconds' });
});

test('what the CPU takes is not the provider’s time', async () => {
  const result = await runTrial(entry, 'waits', 'cuda', never, 300);
  assert.deepEqual(result, { outcome: 'agrees', milliseconds: 1, cpuMilliseconds: 2 });
});

test('a provider that ends its process is refused with the signal', async () => {
  const result = await runTrial(entry, 'dies', 'directml', never);
  assert.deepEqual(result, { outcome: 'refused', reason: 'it ended the process that tried it (SIGSEGV)' });
});

test('a library that native code could not load is named with the reason', async () => {
  const result = await runTrial(entry, 'says', 'webgpu', never);
  assert.deepEqual(result, { outcome: 'refused', reason: 'no device (libgpu.so.1 could not be loaded)' });
});

test('a broken pack is the pack’s fault, not the provider’s', async () => {
  const trial = runTrial(entry, 'broken', 'webgpu', never);
  await assert.rejects(trial, (error) => error instanceof CaptionError && error.code === 'pack-invalid');
});

test('a trial ends with the program that wanted it', async () => {
  const stop = new AbortController();
  const trial = runTrial(entry, 'hangs', 'webgpu', stop.signal);
  stop.abort();
  await assert.rejects(trial, (error) => error instanceof CaptionError && error.code === 'cancelled');
});
