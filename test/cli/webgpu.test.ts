/** WebGPU, really run, on a software renderer: it is far too slow to be of use there, but must compute the same. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { EncoderManifest } from '@clipcap/models/pack/manifest';
import { loadModel, runtimeInfo, captionImage, priorities } from '@clipcap/protocol/inference';
import { Child } from '@clipcap/server/process/child';
import { absence, machineIdentity, platformOrder } from '@clipcap/server/process/machine';
import { ProviderChoice } from '@clipcap/server/process/providerChoice';
import { runTrial } from '@clipcap/server/process/trialProcess';
import { defaultVerdictsFile, Verdicts } from '@clipcap/server/process/verdicts';
import { smallImages, writeRandomPack } from '../randomPack.js';
import { fixture, root } from '../root.js';
import { useSwiftShader, withoutSwiftShader } from '../swiftShader.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { writePng } from '../writePng.js';
import { captioned, clipcap } from './clipcap.js';

const entry = join(root, 'dist', 'inference.mjs');
const builtin = join(root, 'models', 'builtin');
const photo = fixture('photos/moon.jpg');
/** A busy machine takes minutes for what a graphics processor does in a moment. */
const patience = 2 ** 31 - 1;
const skip = withoutSwiftShader ?? false;

const encoder = {
  kind: 'clip-vit',
  normalize: false,
  image: smallImages,
  embeddingWidth: 12,
  width: 32,
  layers: 1,
  heads: 2,
  patchSize: 16,
  activation: 'quick-gelu',
} satisfies EncoderManifest;

test(
  'the built-in pack on WebGPU is proved, captions as the CPU does, and is not taken by auto',
  { skip },
  async (t) => {
    await useSwiftShader(t);
    const never = new AbortController().signal;
    const choice = new ProviderChoice({
      order: platformOrder(),
      verdicts: new Verdicts(defaultVerdictsFile(), machineIdentity()),
      absence,
      trial: (model, provider) => runTrial(entry, model, provider, never, patience),
    });
    const { state, reason } = await choice.prove(builtin, 'webgpu');
    assert.equal(state, 'slow', reason);

    const onGpu = captioned((await clipcap(['caption', '--json', '--provider', 'webgpu', photo])).stdout);
    const onCpu = captioned((await clipcap(['caption', '--json', '--provider', 'auto', photo])).stdout);
    assert.equal(onGpu.model.provider, 'webgpu');
    assert.equal(onCpu.model.provider, 'cpu');
    const [fromGpu] = onGpu.images;
    const [fromCpu] = onCpu.images;
    assert.ok(fromGpu && fromCpu && !('error' in fromGpu) && !('error' in fromCpu));
    assert.deepEqual(
      fromGpu.captions[0]?.tokens.map(({ id }) => id),
      fromCpu.captions[0]?.tokens.map(({ id }) => id),
    );
    assert.equal(fromGpu.captions[0]?.text, fromCpu.captions[0]?.text);
  },
);

for (const dtype of ['fp32', 'fp16', 'q8', 'q4'] as const) {
  test(
    `a pack in ${dtype} whose encoder is built from its weights agrees with the CPU on WebGPU`,
    { skip },
    async (t) => {
      await useSwiftShader(t);
      const { folder } = await writeRandomPack(join(await temporaryFolder(t), 'pack'), { dtype, encoder });
      const result = await runTrial(entry, folder, 'webgpu', new AbortController().signal, patience);
      assert.equal(result.outcome, 'agrees', JSON.stringify(result));
    },
  );
}

test('keys and values stay on the device between the steps of a caption', { skip }, async (t) => {
  await useSwiftShader(t);
  const { folder } = await writeRandomPack(join(await temporaryFolder(t), 'pack'), { layers: 2 });
  const script = join(root, 'test', 'out', 'keysOnDevice.js');
  const { stdout } = await promisify(execFile)(process.execPath, [script, folder]);
  assert.deepEqual(JSON.parse(stdout), [['cpu'], ['gpu-buffer'], ['gpu-buffer']]);
});

test('captions on WebGPU leave nothing behind in memory', { skip }, async (t) => {
  await useSwiftShader(t);
  const { folder } = await writeRandomPack(join(await temporaryFolder(t), 'pack'));
  const child = new Child(entry, { log: () => undefined, modelState: () => undefined, ended: () => undefined });
  t.after(() => child.end());
  // So small that its pixels, which wait for V8's garbage collection, do not show.
  const small = { width: 16, height: 16, colour: 'grey', depth: 8 } as const;
  const bytes = writePng({ ...small, samples: Array.from({ length: 256 }, (_, i) => i) });
  await child.connection.sendRequest(loadModel, { model: folder, provider: 'webgpu' });
  const captions = async (count: number): Promise<number> => {
    for (let i = 0; i < count; i++) {
      const params = { model: folder, provider: 'webgpu', bytes, name: 'small.png', sha256: '', options: {} };
      const { model } = await child.connection.sendRequest(captionImage, { ...params, priority: priorities.batch });
      assert.equal(model.provider, 'webgpu');
    }
    return (await child.connection.sendRequest(runtimeInfo)).memory / 2 ** 20;
  };
  const before = await captions(30);
  const after = await captions(60);
  // A cache that stayed would be some megabytes a caption: the renderer keeps whole pages for each buffer.
  assert.ok(after - before < 16, `${Math.round(before)} MB became ${Math.round(after)} MB`);
});
