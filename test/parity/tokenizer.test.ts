/** GPT-2's tokenizer, made without a network, against Hugging Face's `tokenizers` (`generate_tokenizer.py`). */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openPack } from '@clipcap/models/pack/openPack';
import { gpt2TokenizerJson } from '@clipcap/models/tokenizer/gpt2';
import { Tokenizer } from '@clipcap/server/inference/tokenizer';
import { readJson } from '../json.js';
import { writeRandomPack } from '../randomPack.js';
import { fixture } from '../root.js';
import { Draws, type TextSource } from './texts.js';

interface Expected extends TextSource {
  readonly texts: number;
  readonly random: number;
  readonly group: number;
  readonly encoded: readonly string[];
  readonly decoded: readonly string[];
  readonly decodedRandom: readonly string[];
  readonly encodedRandom: readonly string[];
}

const expected = await readJson<Expected>(fixture('tokenizer/gpt2.json'));
const folder = await mkdtemp(join(tmpdir(), 'clipcap-gpt2-'));
after(() => rm(folder, { recursive: true, force: true }));
const path = join(folder, 'gpt2.json');
await writeFile(path, await gpt2TokenizerJson());
const pack = await openPack((await writeRandomPack(folder)).folder);
const languageModel = { ...pack.manifest.languageModel, vocabulary: expected.vocabulary };
const tokenizer = await Tokenizer.create({ ...pack, tokenizer: path, manifest: { ...pack.manifest, languageModel } });

const draws = new Draws(expected, 1);
const texts = Array.from({ length: expected.texts }, () => draws.text());
const random = Array.from({ length: expected.random }, () => draws.ids());
const encoded = texts.map((text) => tokenizer.encode(text));

function lines(lists: readonly (readonly number[])[]): string[] {
  return lists.map((ids) => ids.join(','));
}

/** SHA-256 per group, as the fixture has them. */
function digests(items: readonly string[], separator: string): string[] {
  return Array.from({ length: items.length / expected.group }, (_, i) => {
    const group = items.slice(i * expected.group, (i + 1) * expected.group);
    return createHash('sha256').update(group.join(separator)).digest('hex');
  });
}

test('10,000 texts have the ids of Hugging Face’s tokenizer', () => {
  assert.ok(texts.length >= 10_000);
  assert.deepEqual(digests(lines(encoded), '\n'), expected.encoded);
});

test('their ids are decoded to Hugging Face’s texts', () => {
  const decoded = encoded.map((ids) => tokenizer.decode(ids));
  assert.deepEqual(digests(decoded, '\0'), expected.decoded);
});

test('ids at random, which cut characters in the middle, are decoded to Hugging Face’s texts, and these encoded alike', () => {
  const decoded = random.map((ids) => tokenizer.decode(ids));
  assert.deepEqual(digests(decoded, '\0'), expected.decodedRandom);
  assert.deepEqual(digests(lines(decoded.map((text) => tokenizer.encode(text))), '\n'), expected.encodedRandom);
});

test('the last token is the end of a text, no part of a caption', () => {
  assert.equal(tokenizer.tokenText(50_256), '<|endoftext|>');
  assert.equal(tokenizer.decode([64, 3797, 50_256]), 'a cat');
});
