/**
 * Imported checkpoints with prefixes as long as the published ones', and captions as long as the reference makes them:
 * 67 tokens, up to the last position that GPT-2 has. `python test/parity/generate_long_captions.py` makes the fixtures.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { openPack } from '@clipcap/models/pack/openPack';
import { readJson } from '../json.js';
import { fixture } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { captioned, clipcap } from './clipcap.js';

interface Expected {
  readonly norms: readonly number[];
  readonly greedy: readonly number[];
  /** Best first: tokens, and their mean log-probability. */
  readonly beams: readonly (readonly [readonly number[], number])[];
}

type Name = 'mlp' | 'transformer';

const expected = await readJson<Record<Name, Expected>>(fixture('longCaptions/expected.json'));
/** What shapes do not tell. */
const told = { mlp: [], transformer: ['--mapper-heads', '4', '--normalize'] };

async function imported(context: TestContext, name: Name): Promise<string> {
  const out = join(await temporaryFolder(context), 'pack');
  const given = ['--encoder', fixture('import/clip-wide'), '--gpt2-config', fixture('longCaptions/gpt2.json')];
  const more = ['--tokenizer', fixture('import/tokenizer.json'), '--no-check', ...told[name]];
  const { code, stderr } = await clipcap([
    'import',
    fixture(`longCaptions/${name}.pt`),
    '--out',
    out,
    ...given,
    ...more,
  ]);
  assert.equal(code, 0, stderr);
  return out;
}

async function captionsOf(model: string, decoding: readonly string[]) {
  const args = ['--json', '--model', model, '--max-tokens', '67', '--provider', 'cpu', ...decoding];
  const { code, stdout, stderr } = await clipcap(['caption', ...args, fixture('import/picture.png')]);
  assert.equal(code, 0, stderr);
  const [image] = captioned(stdout).images;
  assert.ok(image && 'captions' in image);
  const captions = image.captions.map(({ tokens, score }) => ({ ids: tokens.map(({ id }) => id), score }));
  return { captions, norms: image.prefix.map(({ norm }) => norm) };
}

for (const name of ['mlp', 'transformer'] as const) {
  test(`the imported ${name} says in 67 tokens what PyTorch says, greedily and with five beams`, async (context) => {
    const { norms, greedy, beams } = expected[name];
    const out = await imported(context, name);
    const { languageModel, mapper } = (await openPack(out)).manifest;
    assert.equal(languageModel.context, mapper.prefixLength + 67 - 1, 'the last token has no position');
    const alone = await captionsOf(out, ['--decode', 'greedy']);
    assert.equal(alone.norms.length, norms.length);
    for (const [i, norm] of alone.norms.entries()) {
      assert.ok(Math.abs(norm - norms[i]!) <= 1e-4 * norms[i]!, `norm of position ${i}: ${norm} for ${norms[i]}`);
    }
    assert.deepEqual(alone.captions[0]!.ids, greedy);
    const { captions } = await captionsOf(out, ['--decode', 'beam', '--beams', '5', '--captions', '5']);
    assert.deepEqual(
      captions.map(({ ids }) => ids),
      beams.map(([ids]) => ids),
    );
    for (const [i, { score }] of captions.entries()) assert.ok(Math.abs(score - beams[i]![1]) <= 1e-4, `beam ${i}`);
  });
}

test('what is compared is cut at 67 tokens and ends before, with both mappers', () => {
  for (const { beams } of Object.values(expected)) {
    const lengths = beams.map(([ids]) => ids.length);
    assert.ok(lengths.includes(67) && Math.min(...lengths) < 67);
  }
});
