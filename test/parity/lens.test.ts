/**
 * The Prefix Lens's numbers on the built-in pack against PyTorch in float64, formula by formula. The fixtures are made by
 * `python test/parity/generate_lens.py`.
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { LensView, LensViews } from '@clipcap/protocol/lens';
import { metrics } from '@clipcap/protocol/lens';
import { decode } from '@clipcap/server/inference/decode';
import type { Encoding } from '@clipcap/server/inference/lens/lensModel';
import { computeView } from '@clipcap/server/inference/lens/views';
import { Model } from '@clipcap/server/inference/model';
import { readJson } from '../json.js';
import { readTensors } from '../readTensors.js';
import { fixture, root } from '../root.js';

interface Best {
  readonly ids: readonly (readonly number[])[];
  readonly logProbs: readonly (readonly number[])[];
}

interface Expected {
  readonly weightsSha256: string;
  readonly photo: string;
  readonly nearest: Readonly<
    Record<
      (typeof metrics)[number],
      { readonly ids: readonly (readonly number[])[]; readonly scores: readonly (readonly number[])[] }
    >
  >;
  readonly caption: { readonly tokens: readonly number[]; readonly score: number };
  readonly alternatives: Best;
  readonly entropies: readonly number[];
  readonly logProbs: readonly number[];
  readonly attention: {
    readonly mean: readonly (readonly number[])[];
    readonly outside: readonly number[];
    readonly layer1head2: readonly (readonly number[])[];
  };
  readonly lens: readonly Best[];
  readonly lensWithoutNorm: readonly Best[];
  readonly changes: Readonly<Record<string, number>>;
  /** [grid][grid][T] */
  readonly occlusion: readonly (readonly (readonly number[])[])[];
  readonly labels: readonly { readonly label: string; readonly probability: number }[];
}

const tolerance = 1e-4;
const pack = join(root, 'models', 'builtin');
const expected = await readJson<Expected>(fixture('lens/expected.json'));
const inputs = await readTensors(fixture('lens/inputs.safetensors'));
const tensor = (name: string): Float32Array => inputs.get(name)!.values;

let model: Model;
/** The photo as PyTorch's prefix has it: what is compared here begins with the prefix. */
let image: Encoding;

before(async () => {
  model = await Model.load(pack, 'cpu');
  const bytes = await readFile(fixture(`photos/${expected.photo}`));
  const encoded = await model.lens.encode('photo', await decode(bytes, expected.photo));
  close(encoded.prefix, tensor('prefix'), 'the prefix');
  image = { ...encoded, prefix: tensor('prefix') };
});
after(() => model.dispose());

function compute<View extends LensView>(
  view: View,
  params: LensViews[View]['params'],
): Promise<LensViews[View]['data']> {
  const context = {
    model: model.lens,
    image,
    uri: 'file:///photo',
    label: 'photo',
    options: {},
    others: [{ uri: 'file:///other', label: 'other', prefix: tensor('other') }],
    reference: undefined,
    checkpoint: () => Promise.resolve(),
  };
  return computeView(view, context, params);
}

function close(actual: ArrayLike<number>, wanted: ArrayLike<number>, what: string): void {
  assert.equal(actual.length, wanted.length, what);
  for (let i = 0; i < wanted.length; i++) {
    const difference = Math.abs(actual[i]! - wanted[i]!);
    assert.ok(difference < tolerance, `${what}, value ${i}: ${actual[i]} for ${wanted[i]}`);
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((total, value, i) => total + value * b[i]!, 0);
}

test('the fixtures are of the pack that is here', async () => {
  const manifest = await readJson<{ files: Record<string, { sha256: string }> }>(join(pack, 'pack.json'));
  assert.equal(manifest.files['weights.safetensors']!.sha256, expected.weightsSha256);
});

for (const metric of metrics) {
  test(`the nearest tokens of 24 rows by ${metric}: ids, and scores to 1e-4`, async () => {
    const found = await (await model.lens.vocabulary).nearest(tensor('rows'), 8);
    const { ids, scores } = expected.nearest[metric];
    assert.equal(found.length, 24);
    for (const [row, nearest] of found.entries()) {
      close(
        nearest[metric].map(({ score }) => score),
        scores[row]!,
        `scores of row ${row}`,
      );
      assert.deepEqual(
        nearest[metric].map(({ id }) => id),
        ids[row],
        `tokens of row ${row}`,
      );
    }
  });
}

test('a token’s embedding has itself as its nearest token, at the distance 0', async () => {
  const [found] = await (await model.lens.vocabulary).nearest(tensor('rows').slice(8 * 256, 9 * 256), 1);
  assert.deepEqual(found!.euclidean, [{ id: 1234, score: -0 }]);
});

test('the table’s norms, margins and shares of every image', async () => {
  const { positions } = await compute('table', { nearest: 2 });
  for (const { position, norm, margin, nearest, shared } of positions) {
    const row = tensor('prefix').subarray(position * 256, (position + 1) * 256);
    const mean = tensor('mean').subarray(position * 256, (position + 1) * 256);
    close([norm], [Math.sqrt(dot(row, row))], 'norm');
    close([shared!], [dot(row, mean) / Math.sqrt(dot(row, row) * dot(mean, mean))], 'shared');
    for (const metric of metrics) {
      close([margin[metric]], [nearest[metric][0]!.score - nearest[metric][1]!.score], 'margin');
    }
  }
});

test('the caption’s tokens: log-probabilities, entropies and alternatives', async () => {
  const { caption, tokens } = await compute('tokens', { alternatives: 3 });
  assert.deepEqual(
    tokens.map(({ id }) => id),
    expected.caption.tokens,
  );
  close([caption.score], [expected.caption.score], 'score');
  close(
    tokens.map(({ logProb }) => logProb),
    expected.logProbs,
    'log-probabilities',
  );
  close(
    tokens.map(({ entropy }) => entropy),
    expected.entropies,
    'entropies',
  );
  for (const [place, { alternatives }] of tokens.entries()) {
    assert.deepEqual(
      alternatives.map(({ id }) => id),
      expected.alternatives.ids[place],
    );
    close(
      alternatives.map(({ logProb }) => logProb),
      expected.alternatives.logProbs[place]!,
      'alternatives',
    );
  }
});

test('attention rows of the positions that predicted each token: the mean, one head, and what lies outside', async () => {
  const mean = await compute('attention', {});
  const one = await compute('attention', { layer: 1, head: 2 });
  for (const [row, weights] of expected.attention.mean.entries()) close(mean.weights[row]!, weights, `row ${row}`);
  close(mean.outside, expected.attention.outside, 'outside');
  for (const [row, weights] of expected.attention.layer1head2.entries())
    close(one.weights[row]!, weights, `row ${row}`);
});

for (const norm of [true, false]) {
  test(`the logit lens ${norm ? 'with' : 'without'} the final layer norm`, async () => {
    const { cells } = await compute('lens', { norm, top: 3 });
    const layers = norm ? expected.lens : expected.lensWithoutNorm;
    assert.equal(cells.length, layers.length);
    for (const [layer, { ids, logProbs }] of layers.entries()) {
      for (const [column, cell] of cells[layer]!.entries()) {
        const what = `layer ${layer}, column ${column}`;
        close(
          cell.map(({ logProb }) => logProb),
          logProbs[column]!,
          what,
        );
        assert.deepEqual(
          cell.map(({ id }) => id),
          ids[column],
          what,
        );
      }
    }
  });
}

test('what every removal changes in the caption’s log-probability, by default', async () => {
  const { results } = await compute('counterfactuals', {});
  for (const [position, { intervention, change }] of results.entries()) {
    assert.deepEqual(intervention, { kind: 'drop', position });
    close([change], [expected.changes[`drop ${position}`]!], `drop ${position}`);
  }
});

test('what the other interventions change', async () => {
  const other = 'file:///other';
  const { results } = await compute('counterfactuals', {
    interventions: [
      { kind: 'mean-replace', position: 2 },
      { kind: 'swap', position: 4, other },
      { kind: 'insert', position: 0, word: 'dog' },
      { kind: 'insert', position: 10, word: 'dog' },
      { kind: 'interpolate', other, share: 0.3 },
      { kind: 'scale', position: 1, factor: -2 },
    ],
  });
  const names = ['mean-replace 2', 'swap 4', 'insert 0', 'insert 10', 'interpolate 0.3', 'scale 1'];
  close(
    results.map(({ change }) => change),
    names.map((name) => expected.changes[name]!),
    'changes',
  );
});

test('occlusion of the whole caption, and of one token', async () => {
  const whole = await compute('occlusion', { grid: 3 });
  const one = await compute('occlusion', { grid: 3, token: 2 });
  for (const [row, cells] of expected.occlusion.entries()) {
    close(whole.values[row]!, cells.map(sum), 'the whole caption');
    close(
      one.values[row]!,
      cells.map((tokens) => tokens[2]!),
      'one token',
    );
  }
  close([whole.logProb, one.logProb], [sum(expected.logProbs), expected.logProbs[2]!], 'log-probabilities');
});

test('the encoder’s labels', async () => {
  const { labels } = await compute('encoder', {});
  assert.deepEqual(
    labels.slice(0, 5).map(({ label }) => label),
    expected.labels.map(({ label }) => label),
  );
  close(
    labels.slice(0, 5).map(({ probability }) => probability),
    expected.labels.map(({ probability }) => probability),
    'probabilities',
  );
});
