/** What all searches have in common: the forced beginning, the shortest length, who watches. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { generate } from '@clipcap/server/inference/generate';
import type { Decoding, ResolvedOptions } from '@clipcap/server/inference/options';
import { idsOf, logitsAfter, logSoftmax, noCheck, RandomSteps, vocabulary } from '../randomSteps.js';

const decodings: readonly Decoding[] = [
  { strategy: 'beam', beams: 1 },
  { strategy: 'beam', beams: 4 },
  { strategy: 'beam-standard', beams: 4, lengthPenalty: 1, groups: 2, diversity: 1, captions: 4 },
  { strategy: 'sample', temperature: 1, topP: 0.9, seed: 1, draws: 3 },
];
const defaults: Omit<ResolvedOptions, 'decoding'> = {
  minTokens: 1,
  maxTokens: 8,
  stopTokens: [3, 7],
  begin: [],
  captions: 3,
  nearest: 1,
};

for (const decoding of decodings) {
  const name = `${decoding.strategy}${'beams' in decoding ? ` of ${decoding.beams}` : ''}`;
  const run = (steps: RandomSteps, images: number, options: Partial<ResolvedOptions>, ...rest: Rest) =>
    generate(steps, { images, vocabulary }, { ...defaults, ...options, decoding }, ...rest);

  test(`${name}: captions begin with the forced tokens, with their true log-probabilities`, async () => {
    const begin = fc.array(fc.nat(vocabulary - 1), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.nat(), begin, async (seed, forced) => {
        const found = await run(new RandomSteps(seed, 2), 2, { begin: forced }, noCheck);
        for (const [image, captions] of found.entries()) {
          for (const { tokens, score } of captions) {
            const ids = tokens.map(({ id }) => id);
            assert.deepEqual(ids.slice(0, forced.length), forced);
            assert.ok(
              ids.length > forced.length && ids.length <= 8,
              'forced tokens end no caption, and count in its length',
            );
            let sum = 0;
            for (const [i, { id, logProb }] of tokens.entries()) {
              assert.ok(Math.abs(logProb - logSoftmax(logitsAfter(seed, image, ids.slice(0, i)))[id]!) < 1e-6);
              sum += logProb;
            }
            assert.ok(Math.abs(score - sum / ids.length) < 1e-6, 'the score counts the forced tokens');
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test(`${name}: a caption is as long as the shortest length, or ends with it, and stop tokens are only its last`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 8 }), async (seed, minTokens) => {
        const found = await run(new RandomSteps(seed, 2), 2, { minTokens }, noCheck);
        for (const ids of found.flat().map(idsOf)) {
          assert.ok(ids.length >= minTokens, `${ids.length} tokens`);
          const stops = ids.map((id) => defaults.stopTokens.includes(id));
          assert.equal(stops.slice(0, -1).some(Boolean), false);
          assert.ok(stops.at(-1) === true || ids.length === 8, 'it ends with a stop token or was cut');
        }
      }),
      { numRuns: 60 },
    );
  });

  test(`${name}: who watches sees the caption after every step, from the first on, and at last a whole one`, async () => {
    const seen: string[][] = [[], []];
    const steps = new RandomSteps(15, 2);
    const grown = (image: number, tokens: readonly { readonly id: number }[]): void => {
      seen[image]!.push(idsOf({ tokens }).join());
    };
    const found = await run(steps, 2, { begin: [4, 5] }, noCheck, grown);
    for (const [image, captions] of found.entries()) {
      assert.ok(seen[image]![0]!.startsWith('4,5,'));
      assert.ok(seen[image]!.length <= steps.rowsPerStep.length - 2);
      const last = seen[image]!.at(-1)!;
      if (captions.length === 1) assert.equal(last, idsOf(captions[0]!).join());
    }
    assert.equal(Math.max(...seen.map(({ length }) => length)), steps.rowsPerStep.length - 2);
  });

  test(`${name}: the checkpoint is asked before every step, those of the beginning too, and can end the search`, async () => {
    const whole = new RandomSteps(1, 1);
    let checks = 0;
    await run(whole, 1, { begin: [4, 5] }, async () => void checks++);
    assert.equal(checks, whole.rowsPerStep.length);
    for (let last = 1; last <= checks; last++) {
      const steps = new RandomSteps(1, 1);
      let seen = 0;
      const ended = run(steps, 1, { begin: [4, 5] }, async () => {
        if (++seen === last) throw new Error('cancelled');
      });
      await assert.rejects(ended, /cancelled/u);
      assert.equal(steps.rowsPerStep.length, last - 1);
    }
  });
}

type Rest = [checkpoint: () => Promise<void>, grown?: Parameters<typeof generate>[4]];
