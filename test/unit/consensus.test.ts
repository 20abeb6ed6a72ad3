/** Which of several captions agrees most with the others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byConsensus } from '@clipcap/server/inference/consensus';
import type { FoundCaption } from '@clipcap/server/inference/search';

const stop = 0;

/** A caption of these tokens and the stop token. */
function caption(score: number, ...ids: number[]): FoundCaption {
  return { score, tokens: [...ids, stop].map((id) => ({ id, logProb: score })) };
}

const ids = (captions: readonly FoundCaption[]) => captions.map(({ tokens }) => tokens.map(({ id }) => id));

test('given a likeliest caption that stands alone, when two others say nearly the same, then one of those comes first', () => {
  const alone = caption(-0.5, 1, 2, 3);
  const alike = caption(-0.6, 4, 5, 6);
  const nearly = caption(-0.7, 4, 5, 7);
  assert.deepEqual(byConsensus([alone, alike, nearly], [stop]), [alike, nearly, alone]);
});

test('given captions that have nothing in common, then the likelier come first', () => {
  const captions = [caption(-0.5, 1), caption(-0.6, 2), caption(-0.7, 3)];
  assert.deepEqual(byConsensus(captions, [stop]), captions);
});

test('given captions that agree alike, then they stay in their order', () => {
  const captions = [caption(-1, 1, 2), caption(-1, 2, 1), caption(-1, 1, 2)];
  assert.deepEqual(ids(byConsensus(captions, [stop])), [
    [1, 2, stop],
    [1, 2, stop],
    [2, 1, stop],
  ]);
});

test('a stop token that all have in common is no agreement', () => {
  const far = [caption(-0.1, 1), caption(-3, 2), caption(-3, 3), caption(-3, 4)];
  assert.equal(byConsensus(far, [stop])[0], far[0]);
});

test('agreement is the mean of the Dice coefficients of runs of one to four tokens, weighted by exp(score)', () => {
  // Runs in common of a = [1,2,3] and b = [1,2,4]: 2 of 3 + 3 tokens, 1 of 2 + 2 pairs, none longer: (2/3 + 1/2) / 4 = 7/24.
  // a with itself: 3/4, because it has no run of four. c has nothing in common with either but is likelier than e⁰·²⁴ times.
  const a = caption(-1, 1, 2, 3);
  const b = caption(-1, 1, 2, 4);
  const agreed = Math.exp(-1) * (3 / 4 + 7 / 24);
  const even = Math.log(agreed / (3 / 4));
  assert.equal(byConsensus([a, b, caption(even + 0.01, 5, 6, 7)], [stop])[0]!.tokens[0]!.id, 5);
  assert.equal(byConsensus([a, b, caption(even - 0.01, 5, 6, 7)], [stop])[0]!.tokens[0]!.id, 1);
});

test('nothing is nothing, and one is itself', () => {
  assert.deepEqual(byConsensus([], [stop]), []);
  const one = caption(-1);
  assert.deepEqual(byConsensus([one], [stop]), [one]);
});
