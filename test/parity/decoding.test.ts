/** Searches over the step graph, and filters, against Hugging Face's `generate`, on a small random GPT-2 (generate_decoding.py). */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { LanguageModelManifest } from '@clipcap/models/pack/manifest';
import { openPack } from '@clipcap/models/pack/openPack';
import { readSafetensors } from '@clipcap/models/pack/safetensors';
import { beamSearch } from '@clipcap/server/inference/beamSearch';
import { Decoder } from '@clipcap/server/inference/decoder';
import { filter } from '@clipcap/server/inference/sampling';
import { standardBeamSearch } from '@clipcap/server/inference/standardBeamSearch';
import { writeRandomPack } from '../randomPack.js';
import { idsOf, noCheck } from '../randomSteps.js';
import { readTensors } from '../readTensors.js';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';

interface BeamCases {
  readonly model: Pick<LanguageModelManifest, 'vocabulary' | 'width' | 'layers' | 'heads' | 'context'>;
  readonly cases: readonly {
    readonly num_beams: number;
    readonly length_penalty: number;
    readonly min_new_tokens: number;
    readonly max_new_tokens: number;
    readonly eos_token_id: readonly number[];
    readonly found: readonly (readonly { readonly tokens: readonly number[]; readonly score: number | null }[])[];
  }[];
}

interface FilterCase {
  readonly temperature: number;
  readonly top_k: number | null;
  readonly top_p: number;
  readonly logits: readonly number[];
  readonly probabilities: readonly number[];
}

async function json<Document>(name: string): Promise<Document> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own fixture
  return JSON.parse(await readFile(fixture(`decoding/${name}`), 'utf8')) as Document;
}

const { model, cases } = await json<BeamCases>('beams.json');
const weights = fixture('decoding/gpt2.safetensors');
const { shape, values: prefixes } = (await readTensors(weights)).get('prefixes')!;
const [images = 0] = shape;

/** The model of the fixture with its weights where they are, in the place of a random pack's. */
async function decoderOf(t: TestContext, stopTokens: readonly number[]): Promise<Decoder> {
  const pack = await openPack((await writeRandomPack(await temporaryFolder(t))).folder);
  const languageModel = { ...pack.manifest.languageModel, ...model, stopTokens: [...stopTokens] };
  const manifest = { ...pack.manifest, languageModel };
  const decoder = await Decoder.create(
    { ...pack, folder: dirname(weights), manifest, weights: await readSafetensors(weights) },
    'cpu',
  );
  t.after(() => decoder.release());
  return decoder;
}

for (const { num_beams: beams, length_penalty, min_new_tokens, max_new_tokens, eos_token_id, found } of cases) {
  const what = `${beams} beams, length penalty ${length_penalty}, ${min_new_tokens} to ${max_new_tokens} tokens`;
  test(`${what}: the captions and scores of transformers’ generate`, async (t) => {
    const steps = (await decoderOf(t, eos_token_id)).begin(prefixes, images);
    const options = {
      images,
      vocabulary: model.vocabulary,
      stopTokens: eos_token_id,
      // There the stop token comes after the shortest length, here it is part of it.
      minTokens: min_new_tokens + 1,
      maxTokens: max_new_tokens,
      beams,
    };
    const captions =
      beams === 1
        ? await beamSearch(steps, options, noCheck)
        : await standardBeamSearch(
            steps,
            { ...options, lengthPenalty: length_penalty, groups: 1, diversity: 0, captions: beams },
            noCheck,
          );
    steps.dispose();
    for (const [image, expected] of found.entries()) {
      assert.deepEqual(
        captions[image]!.map(idsOf),
        expected.map(({ tokens }) => tokens),
      );
      for (const [i, { tokens, score }] of expected.entries()) {
        const sum = captions[image]![i]!.score * tokens.length;
        if (score !== null)
          assert.ok(Math.abs(sum / tokens.length ** length_penalty - score) < 1e-4 * Math.max(1, Math.abs(score)));
      }
    }
  });
}

test('temperature, top-k and top-p leave the probabilities that transformers’ filters leave', async () => {
  for (const { temperature, top_k, top_p: topP, logits, probabilities } of await json<FilterCase[]>('filters.json')) {
    const left = filter(Float32Array.from(logits), { temperature, topP, ...(top_k !== null && { topK: top_k }) });
    const total = left.weights.reduce((sum, weight) => sum + weight, 0);
    for (const [id, expected] of probabilities.entries()) {
      const index = left.ids.indexOf(id);
      const probability = index === -1 ? 0 : left.weights[index]! / total;
      assert.equal(probability > 0, expected > 0, `token ${id}`);
      assert.ok(Math.abs(probability - expected) < 1e-6);
    }
  }
});
