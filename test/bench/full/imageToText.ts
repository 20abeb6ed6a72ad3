/**
 * transformers.js as a user would take it instead: `image-to-text` with a model of ViT-GPT-2's shape (ViT-B/16 at 224 px,
 * GPT-2 small with cross-attention), random weights that `vit_gpt2.py` exports. From pixels to 20 tokens, greedy.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../../root.js';
import { InferenceUnderTest } from '../inferenceUnderTest.js';
import { measureCommand } from './measuredCommand.js';
import { Samples, tokens, type Setting } from './setting.js';
import { heading, row } from './table.js';

const rounds = 5;

export async function measureImageToText(folder: string, setting: Setting): Promise<void> {
  const { processes, python, packs, photos } = setting;
  const samples = new Samples();
  if (python !== undefined) {
    await exportModel(python, folder, packs.fp32);
    for (let process = 0; process < processes; process++) {
      const ofProcess = new Samples();
      const theirs = startTransformers(folder);
      const ours = { fp32: new InferenceUnderTest(packs.fp32), q8: new InferenceUnderTest(packs.q8) };
      for (let round = 0; round <= rounds; round++) {
        const into = round === 0 ? new Samples() : ofProcess;
        const photo = photos[round]!;
        const time = await theirs.caption(photo);
        into.add('transformers.js', time);
        for (const [dtype, inference] of Object.entries(ours)) {
          const start = performance.now();
          await inference.caption(photo, { strategy: 'greedy', minTokens: tokens, maxTokens: tokens });
          const elapsed = performance.now() - start;
          into.add(dtype, elapsed);
          into.add(`transformers.js / ${dtype}`, time / elapsed);
        }
      }
      await theirs.end();
      for (const inference of Object.values(ours)) await inference.end();
      samples.addMedians(ofProcess);
    }
  }
  heading(`From a JPEG file to ${tokens} tokens, greedy`);
  row('transformers.js image-to-text (ViT-GPT-2), fp32', samples.of('transformers.js'), 'ms');
  for (const dtype of ['fp32', 'q8']) {
    row(`ours (CLIP, GPT-2 small; nearest words too), ${dtype}`, samples.of(dtype), 'ms');
    row('  transformers.js / ours', samples.of(`transformers.js / ${dtype}`), '×');
  }
}

async function exportModel(python: string, folder: string, pack: string): Promise<void> {
  const done = join(folder, 'vit-gpt2', 'onnx', 'decoder_model_merged.onnx');
  const isThere = await access(done).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  const script = join(root, 'test', 'bench', 'full', 'vit_gpt2.py');
  await measureCommand(python, [script, join(folder, 'vit-gpt2'), join(pack, 'tokenizer.json')]);
}

interface Captioner {
  /** Milliseconds for a photo. */
  caption(photo: string): Promise<number>;
  end(): Promise<void>;
}

function startTransformers(folder: string): Captioner {
  const script = join(root, 'test', 'out', 'bench', 'full', 'transformersJs.js');
  const child = fork(script, [folder, 'vit-gpt2', String(tokens)], { execArgv: [] });
  const ended = once(child, 'exit');
  const failure = async (): Promise<never> => {
    await ended;
    throw new Error('transformers.js ended');
  };
  return {
    async caption(photo) {
      const answer = new Promise<number>((resolve) => {
        child.once('message', (milliseconds: number) => resolve(milliseconds));
      });
      child.send(photo);
      return Promise.race([answer, failure()]);
    },
    async end() {
      child.disconnect();
      await ended;
    },
  };
}
