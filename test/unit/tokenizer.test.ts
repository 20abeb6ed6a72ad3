import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openPack } from '@clipcap/models/pack/openPack';
import { Tokenizer } from '@clipcap/server/inference/tokenizer';
import { readJson } from '../json.js';
import { describeFiles, writeRandomPack } from '../randomPack.js';
import { temporaryFolder } from '../temporaryFolder.js';

interface TokenizerJson {
  decoder: object;
  added_tokens: object[];
  model: { vocab: Record<string, number> };
}

async function tokenizerWith(
  t: TestContext,
  edit: (json: TokenizerJson) => void,
): Promise<{ tokenizer: Tokenizer; idOf: (token: string) => number }> {
  const { folder, manifest } = await writeRandomPack(await temporaryFolder(t));
  const path = join(folder, 'tokenizer.json');
  const json = await readJson<TokenizerJson>(path);
  edit(json);
  await writeFile(path, JSON.stringify(json));
  await describeFiles(folder, manifest);
  const tokenizer = await Tokenizer.create(await openPack(folder));
  return { tokenizer, idOf: (token) => json.model.vocab[token]! };
}

/** Gives the filler token at `id` another name. */
function rename({ model }: TokenizerJson, id: number, token: string): void {
  const others = Object.entries(model.vocab).filter(([, found]) => found !== id);
  model.vocab = { ...Object.fromEntries(others), [token]: id };
}

test('a caption is its tokens’ text, trimmed, spaces before full stops kept', async (t) => {
  const { tokenizer, idOf } = await tokenizerWith(t, () => {});
  assert.equal(tokenizer.decode([idOf('Ġa'), idOf('Ġcat'), idOf('Ġ'), idOf('.')]), 'a cat .');
});

test('a caption of no tokens is empty', async (t) => {
  const { tokenizer } = await tokenizerWith(t, () => {});
  assert.equal(tokenizer.decode([]), '');
});

test('characters of several tokens come together in the caption', async (t) => {
  const { tokenizer, idOf } = await tokenizerWith(t, () => {});
  assert.equal(tokenizer.decode([idOf('Ġcat'), idOf('Ã'), idOf('©')]), 'caté');
});

test('special tokens are no part of a caption', async (t) => {
  const { tokenizer, idOf } = await tokenizerWith(t, (json) => {
    rename(json, 299, '<|endoftext|>');
    json.added_tokens = [
      {
        id: 299,
        content: '<|endoftext|>',
        special: true,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
      },
    ];
  });
  assert.equal(tokenizer.decode([idOf('Ġdog'), 299]), 'dog');
  assert.equal(tokenizer.tokenText(299), '<|endoftext|>');
});

test('a token alone keeps its leading space', async (t) => {
  const { tokenizer, idOf } = await tokenizerWith(t, () => {});
  assert.equal(tokenizer.tokenText(idOf('Ġcat')), ' cat');
  assert.equal(tokenizer.tokenText(idOf('.')), '.');
});

test('bytes that are no UTF-8 by themselves are shown as \\xNN, whole characters as they are', async (t) => {
  const { tokenizer, idOf } = await tokenizerWith(t, (json) => {
    rename(json, 290, 'ĠÃ©Ã'); // space, é, and the first byte of another character
    rename(json, 291, 'ðŁĺĢ'); // an emoji's four bytes
    rename(json, 292, 'ðŁĺ'); // three of them
    rename(json, 293, 'À¯'); // an overlong slash
  });
  assert.equal(tokenizer.tokenText(idOf('©')), '\\xA9');
  assert.equal(tokenizer.tokenText(290), ' é\\xC3');
  assert.equal(tokenizer.tokenText(291), '😀');
  assert.equal(tokenizer.tokenText(292), '\\xF0\\x9F\\x98');
  assert.equal(tokenizer.tokenText(293), '\\xC0\\xAF');
});

test('a word-piece tokenizer is refused', async (t) => {
  await assert.rejects(
    tokenizerWith(t, (json) => (json.decoder = { type: 'WordPiece' })),
    { code: 'pack-invalid', message: /tokenizer\.json cannot be used: it is not a byte-level tokenizer/ },
  );
});

test('a vocabulary larger than the model’s is refused', async (t) => {
  await assert.rejects(
    tokenizerWith(t, (json) => (json.model.vocab['Ġmore'] = 300)),
    { code: 'pack-invalid', message: /it has 301 tokens, the model 300/ },
  );
});
