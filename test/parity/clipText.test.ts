/** CLIP's text side and its tokenizer against `transformers` (`python test/parity/generate_clip_text.py`). */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { textTensors } from '@clipcap/models/import/text/textSide';
import { clipTokenizerJson, openAiVocabulary } from '@clipcap/models/tokenizer/clip';
import type { TextTower } from '@clipcap/protocol/inference';
import { clipTokens, embedTexts } from '@clipcap/server/inference/embedTexts';
import { readJson } from '../json.js';
import { readTensors } from '../readTensors.js';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { writeSafetensors } from '../writeSafetensors.js';
import { noiseWeight } from './noise.js';
import { Draws, type TextSource } from './texts.js';

const files = (name: string): string => fixture(`clipText/${name}`);
const { texts, towers } = await readJson<{ texts: string[]; towers: Record<string, TextTower> }>(files('towers.json'));
const { vocabulary, merges } = await openAiVocabulary();
const tokenizer = JSON.stringify(clipTokenizerJson(vocabulary, merges));

test('10,000 texts have the ids of Hugging Face’s tokenizer of CLIP, between start and end', async () => {
  const expected = await readJson<{ texts: number; group: number; encoded: string[] }>(files('tokenizer.json'));
  const draws = new Draws(await readJson<TextSource>(fixture('tokenizer/gpt2.json')), 1);
  const drawn = Array.from({ length: expected.texts }, () => draws.text());
  // An end within a text is another matter: what is behind it is not seen.
  const whole = drawn.map((text) => text.replaceAll('<|endoftext|>', '<|startoftext|>'));
  assert.ok(whole.length >= 10_000);
  const encoded = await clipTokens(tokenizer, whole, Infinity);
  const lines = encoded.map((ids, i) => {
    assert.deepEqual([ids[0], ids.at(-1)], [49_406, 49_407]);
    const restored = ids.slice(1, -1);
    return drawn[i] === whole[i] ? restored.join() : restored.map((id) => (id === 49_406 ? 49_407 : id)).join();
  });
  const digests = Array.from({ length: lines.length / expected.group }, (_, i) =>
    createHash('sha256')
      .update(lines.slice(i * expected.group, (i + 1) * expected.group).join('\n'))
      .digest('hex'),
  );
  assert.deepEqual(digests, expected.encoded);
});

for (const [name, tower] of Object.entries(towers)) {
  test(`a text side with ${name} gives the reference’s embeddings, cut texts and inner ends included`, async (t) => {
    const weights = join(await temporaryFolder(t), 'weights.safetensors');
    const tensors = [...textTensors(tower)].map(
      ([tensor, { shape }]) => [tensor, { shape, values: noiseWeight(1, tensor, shape) }] as const,
    );
    await writeSafetensors(weights, new Map(tensors), () => 'F32');
    const embeds = await embedTexts({ tower, weights, tokenizer, texts });
    const expected = (await readTensors(files('expected.safetensors'))).get(name)!.values;
    assert.equal(embeds.length, expected.length);
    const largest = Math.max(...expected.map(Math.abs));
    const worst = Math.max(...expected.map((value, i) => Math.abs(value - embeds[i]!)));
    assert.ok(worst <= 1e-4 * largest, `they differ by ${worst / largest} of the largest value`);
  });
}
