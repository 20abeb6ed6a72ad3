import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { standardBeamSearch, type StandardBeamSearchOptions } from '@clipcap/server/inference/standardBeamSearch';
import { constantSteps, idsOf, logitsAfter, logSoftmax, noCheck, RandomSteps, vocabulary } from '../randomSteps.js';

const plain = { vocabulary, lengthPenalty: 1, groups: 1, diversity: 0, captions: Infinity } as const;

interface NaiveBeam {
  readonly tokens: readonly number[];
  /** What it is chosen by: log-probabilities minus what was paid. */
  readonly value: number;
}

interface NaiveGroup {
  beams: readonly NaiveBeam[];
  ended: (NaiveBeam & { readonly rank: number })[];
  open: boolean;
}

/**
 * One image, whole sequences and whole rows: what each group may take is written down for all beams and all tokens, then
 * sorted. A group is closed once its best beam could not enter its full list of captions.
 */
function naive(seed: number, image: number, options: StandardBeamSearchOptions): NaiveGroup[] {
  const { beams, groups, stopTokens, minTokens = 1, maxTokens, begin = [], lengthPenalty, diversity } = options;
  const size = beams / groups;
  const forced = begin.reduce((sum, id, i) => sum + logSoftmax(logitsAfter(seed, image, begin.slice(0, i)))[id]!, 0);
  const rank = ({ tokens, value }: NaiveBeam): number => value / tokens.length ** lengthPenalty;
  const state = Array.from({ length: groups }, (): NaiveGroup => {
    return { beams: [{ tokens: begin, value: forced }], ended: [], open: true };
  });
  for (let length = begin.length + 1; length <= maxTokens; length++) {
    const taken: number[] = [];
    for (const group of state.filter(({ open }) => open)) {
      const all = group.beams.flatMap(({ tokens, value }) =>
        logSoftmax(logitsAfter(seed, image, tokens)).map((logProb, id) => ({
          tokens: [...tokens, id],
          value:
            length < minTokens && stopTokens.includes(id)
              ? -Infinity
              : value + logProb - diversity * taken.filter((other) => other === id).length,
        })),
      );
      const best = all.filter(({ value }) => value > -Infinity).sort((a, b) => b.value - a.value);
      const stops = ({ tokens }: NaiveBeam): boolean => stopTokens.includes(tokens.at(-1)!);
      const ends = (beam: NaiveBeam): boolean => length === maxTokens || stops(beam);
      group.ended = [
        ...group.ended,
        ...best
          .slice(0, size)
          .filter(ends)
          .map((beam) => ({ tokens: beam.tokens, value: beam.value, rank: rank(beam) })),
      ]
        .sort((a, b) => b.rank - a.rank)
        .slice(0, size);
      group.beams = best.filter((beam) => !stops(beam)).slice(0, size);
      taken.push(...group.beams.map(({ tokens }) => tokens.at(-1)!));
      group.open =
        length < maxTokens && (group.ended.length < size || rank(group.beams[0]!) > group.ended.at(-1)!.rank);
    }
  }
  return state;
}

const searches = fc.record({
  seed: fc.nat(),
  images: fc.integer({ min: 1, max: 3 }),
  groups: fc.integer({ min: 1, max: 3 }),
  size: fc.integer({ min: 1, max: 3 }),
  maxTokens: fc.integer({ min: 4, max: 9 }),
  minTokens: fc.integer({ min: 1, max: 4 }),
  stopTokens: fc.uniqueArray(fc.nat(vocabulary - 1), { minLength: 1, maxLength: 3 }),
  begin: fc.array(fc.nat(vocabulary - 1), { maxLength: 3 }),
  lengthPenalty: fc.constantFrom(-1, 0, 0.6, 1, 2),
  diversity: fc.constantFrom(0, 0.3, 1, 100),
});

test('given any logits, a batch of images gives each what a search over whole sequences and rows finds', async () => {
  await fc.assert(
    fc.asyncProperty(searches, async ({ seed, images, size, ...rest }) => {
      const options = { ...rest, images, vocabulary, beams: size * rest.groups, captions: Infinity };
      const found = await standardBeamSearch(new RandomSteps(seed, images), options, noCheck);
      for (const [image, captions] of found.entries()) {
        const expected = naive(seed, image, options).flatMap(({ ended }) => ended);
        expected.sort((a, b) => b.rank - a.rank);
        assert.deepEqual(
          captions.map(idsOf),
          expected.map(({ tokens }) => tokens),
        );
      }
    }),
    { numRuns: 300 },
  );
});

test('a caption’s score is the mean log-probability of its tokens, whatever the length and other groups cost it', async () => {
  await fc.assert(
    fc.asyncProperty(searches, async ({ seed, images, size, ...rest }) => {
      const options = { ...rest, images, vocabulary, beams: size * rest.groups, captions: Infinity };
      const found = await standardBeamSearch(new RandomSteps(seed, images), options, noCheck);
      for (const [image, captions] of found.entries()) {
        for (const { tokens, score } of captions) {
          const ids = tokens.map(({ id }) => id);
          const logProbs = ids.map((id, i) => logSoftmax(logitsAfter(seed, image, ids.slice(0, i)))[id]!);
          for (const [i, { logProb }] of tokens.entries()) assert.ok(Math.abs(logProb - logProbs[i]!) < 1e-6);
          assert.ok(Math.abs(score - logProbs.reduce((sum, value) => sum + value, 0) / ids.length) < 1e-6);
        }
      }
    }),
    { numRuns: 100 },
  );
});

/** Token 0 ends; the others are equally likely. */
const even = constantSteps([0, 0, 0, 0]);
const small = { images: 1, vocabulary: 4, stopTokens: [0] };

test('equal values are taken in the order of beams and token ids', async () => {
  const [found] = await standardBeamSearch(
    even,
    { ...plain, ...small, beams: 3, maxTokens: 2, stopTokens: [3] },
    noCheck,
  );
  assert.deepEqual(found!.map(idsOf), [
    [0, 0],
    [0, 1],
    [0, 2],
  ]);
});

async function lengths(lengthPenalty: number): Promise<number[]> {
  const options = { ...plain, ...small, beams: 2, maxTokens: 6, lengthPenalty };
  const [found] = await standardBeamSearch(even, options, noCheck);
  return found!.map(({ tokens }) => tokens.length);
}

test('a length penalty of 0 compares sums and prefers short captions, a large one long captions', async () => {
  assert.equal((await lengths(0))[0], 1);
  assert.equal((await lengths(2))[0], 6);
});

test('the search ends as soon as nothing alive could enter the full list of captions', async () => {
  const steps = new RandomSteps(3, 1);
  // Sums only fall: the first caption that ended is settled when the best beam is worse.
  await standardBeamSearch(
    steps,
    { ...plain, images: 1, beams: 1, maxTokens: 500, stopTokens: [0, 1, 2], lengthPenalty: 0 },
    noCheck,
  );
  assert.ok(steps.rowsPerStep.length < 100, `${steps.rowsPerStep.length} steps`);
});

test('groups that share no penalty find the same, and a large penalty keeps them apart at every step', async () => {
  const options = { ...plain, images: 1, beams: 3, groups: 3, maxTokens: 6, stopTokens: [] };
  const [same] = await standardBeamSearch(new RandomSteps(8, 1), { ...options, diversity: 0 }, noCheck);
  assert.equal(new Set(same!.map((caption) => idsOf(caption).join())).size, 1);
  const [apart] = await standardBeamSearch(new RandomSteps(8, 1), { ...options, diversity: 1000 }, noCheck);
  for (let i = 0; i < 6; i++) assert.equal(new Set(apart!.map((caption) => idsOf(caption)[i])).size, 3, `step ${i}`);
});

test('the first group searches as if it were alone', async () => {
  const alone = { ...plain, images: 1, beams: 2, maxTokens: 8, stopTokens: [4] };
  const [first] = await standardBeamSearch(new RandomSteps(21, 1), alone, noCheck);
  const groups = { ...alone, beams: 6, groups: 3, diversity: 50 };
  const [all] = await standardBeamSearch(new RandomSteps(21, 1), groups, noCheck);
  for (const caption of first!) assert.ok(all!.some((other) => idsOf(other).join() === idsOf(caption).join()));
});

test('few captions of many groups are the best of each, best first', async () => {
  const options = { ...plain, images: 1, beams: 6, groups: 3, diversity: 2, maxTokens: 6, stopTokens: [4] };
  const found = (captions: number) => standardBeamSearch(new RandomSteps(30, 1), { ...options, captions }, noCheck);
  const heads = naive(30, 0, { ...options, captions: 6 }).map(({ ended }) => ended[0]!);
  const [three] = await found(3);
  assert.deepEqual(
    three!.map(idsOf),
    heads.sort((a, b) => b.rank - a.rank).map(({ tokens }) => tokens),
  );
  assert.equal((await found(6))[0]!.length, 6);
});

test('images that are finished take no more steps', async () => {
  const steps = new RandomSteps(12, 4);
  await standardBeamSearch(
    steps,
    { ...plain, images: 4, beams: 2, maxTokens: 40, stopTokens: [0, 1, 2, 3, 4] },
    noCheck,
  );
  const [first, second, ...rest] = steps.rowsPerStep;
  assert.equal(first, 4);
  assert.ok(second! <= 8 && rest.at(-1)! < second! && rest.every((rows) => rows > 0), steps.rowsPerStep.join(' '));
});
