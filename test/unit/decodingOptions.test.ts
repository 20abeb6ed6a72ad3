/** Which options go together, and what they become for a pack. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { optionsKey, type CaptionOptions } from '@clipcap/protocol/caption';
import { problemWith, strategyOf } from '@clipcap/protocol/decoding';
import { resolveOptions } from '@clipcap/server/inference/options';
import { openPack } from '@clipcap/models/pack/openPack';
import { Tokenizer } from '@clipcap/server/inference/tokenizer';
import { stopToken } from '../byteLevelTokenizer.js';
import { writeRandomPack } from '../randomPack.js';
import { temporaryFolder } from '../temporaryFolder.js';

const naming = {
  option: (name: string) => name,
  strategy: (names: readonly string[]) => names.join(' or '),
};

test('options that say how to search imply their strategy; one beam and lengths leave it open', () => {
  const implied: readonly (readonly [CaptionOptions, string | undefined])[] = [
    [{}, undefined],
    [{ beams: 1, maxTokens: 5, captions: 2, stop: [3], begin: 'a' }, undefined],
    [{ beams: 3 }, 'beam'],
    [{ lengthPenalty: 0.5 }, 'beam-standard'],
    [{ beams: 6, groups: 3, diversity: 1 }, 'beam-standard'],
    [{ temperature: 0.7 }, 'sample'],
    [{ seed: 1 }, 'sample'],
    [{ strategy: 'beam-standard', beams: 2 }, 'beam-standard'],
    [{ strategy: 'greedy', beams: 1 }, 'greedy'],
  ];
  for (const [options, strategy] of implied) assert.equal(strategyOf(options), strategy, JSON.stringify(options));
});

test('what does not go together or is out of range is named', () => {
  const wrong: readonly (readonly [CaptionOptions, string])[] = [
    [{ strategy: 'greedy', beams: 4 }, 'beams needs beam or beam-standard'],
    [{ strategy: 'beam', lengthPenalty: 1 }, 'lengthPenalty needs beam-standard'],
    [{ strategy: 'beam', temperature: 1 }, 'temperature needs sample'],
    [{ beams: 4, topP: 0.9 }, 'topP needs sample, beams beam or beam-standard'],
    [{ beams: 4, groups: 3 }, 'beams must be a multiple of groups (3), not 4'],
    [{ diversity: 1 }, 'diversity needs several groups'],
    [{ minTokens: 9, maxTokens: 8 }, 'minTokens 9 is more than maxTokens 8'],
    [{ temperature: 0 }, 'temperature must be a number from 0.01 to 100, not 0'],
    [{ topP: 1.5 }, 'topP must be a number from 0.001 to 1, not 1.5'],
    [{ topK: 0 }, 'topK must be a whole number at least 1, not 0'],
    [{ seed: -1 }, 'seed must be a whole number from 0 to 4294967295, not -1'],
    [{ lengthPenalty: NaN }, 'lengthPenalty must be a number from -10 to 10, not NaN'],
    [{ captions: 65 }, 'captions must be a whole number from 1 to 64, not 65'],
  ];
  for (const [options, message] of wrong) assert.equal(problemWith(options, naming), message);
  assert.equal(problemWith({ beams: 6, groups: 3, diversity: 0.2, minTokens: 4, maxTokens: 4 }, naming), undefined);
});

test('the key of options is the same in any order, and another for every option', () => {
  const values: Required<CaptionOptions> = {
    strategy: 'beam-standard',
    beams: 2,
    lengthPenalty: 3,
    groups: 4,
    diversity: 5,
    temperature: 6,
    topK: 7,
    topP: 0.8,
    seed: 9,
    minTokens: 10,
    maxTokens: 11,
    stop: [12],
    begin: '13',
    captions: 14,
    nearest: 15,
  };
  assert.equal(optionsKey({ beams: 2, seed: 1 }), optionsKey({ seed: 1, beams: 2 }));
  const keys = Object.entries(values).map(([name, value]) => optionsKey({ [name]: value }));
  assert.equal(new Set([...keys, optionsKey({})]).size, keys.length + 1);
  assert.notEqual(optionsKey({ stop: [13] }), optionsKey({ stop: ['13'] }));
});

test('options are completed from the pack: text is cut into its tokens, lengths end at its context', async (t) => {
  const pack = await openPack((await writeRandomPack(await temporaryFolder(t), { context: 20, beams: 4 })).folder);
  const tokenizer = await Tokenizer.create(pack);
  const resolve = (options: CaptionOptions) => resolveOptions(options, pack.manifest, (text) => tokenizer.encode(text));
  const refused = (options: CaptionOptions, message: RegExp) =>
    assert.throws(() => resolve(options), { code: 'usage', message }, JSON.stringify(options));

  const byDefault = resolve({});
  assert.deepEqual(byDefault.decoding, { strategy: 'beam', beams: 4 });
  assert.deepEqual(
    [byDefault.stopTokens, byDefault.begin, byDefault.minTokens, byDefault.maxTokens],
    [[stopToken], [], 1, 12],
  );
  assert.equal(resolve({ maxTokens: 100 }).maxTokens, 18, 'the context less the prefix, and one that nothing reads');
  assert.deepEqual(resolve({ temperature: 0.5, captions: 3 }).decoding, {
    strategy: 'sample',
    temperature: 0.5,
    topP: 1,
    seed: 0,
    draws: 3,
  });
  assert.deepEqual(resolve({ groups: 3 }).decoding, {
    strategy: 'beam-standard',
    beams: 6,
    groups: 3,
    lengthPenalty: 1,
    diversity: 0.5,
    captions: 1,
  });

  const [cat = -1, ...more] = tokenizer.encode(' cat');
  assert.equal(more.length, 0);
  assert.deepEqual(resolve({ stop: [' cat', 7, '.'] }).stopTokens, [stopToken, cat, 7]);
  refused(
    { stop: ['cat'] },
    /The option stop \(--stop, in VS Code clipcap\.decoding\.stopTokens\) must name single tokens, but "cat" is [23] tokens of this model/u,
  );
  refused({ stop: [''] }, /"" is no token/u);
  refused({ stop: [300] }, /from 0 to 299, not 300/u);
  refused({ stop: [1.5] }, /not 1\.5/u);
  refused({ stop: Array.from({ length: 101 }, (_, id) => id) }, /at most 100/u);

  assert.deepEqual(resolve({ begin: ' cat cat ' }).begin, [cat, cat], 'the space at the end is left to the next token');
  assert.deepEqual(resolve({ begin: '  ' }).begin, []);
  refused(
    { begin: ' cat cat cat', maxTokens: 3 },
    /The option begin \(--begin, in VS Code clipcap\.decoding\.beginning\) has 3 tokens; with at most 3/u,
  );
  refused(
    { minTokens: 13 },
    /The option minTokens \(--min-tokens, in VS Code clipcap\.decoding\.minTokens\) must be at most 12, not 13/u,
  );
  refused({ strategy: 'greedy', captions: 2 }, /2 captions need at least as many beams, not 1/u);
  refused({ strategy: 'beam', seed: 3 }, /^The option seed needs the strategy sample\.$/u);
});
