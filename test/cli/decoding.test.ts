/** The command line's ways of decoding, with the built-in pack and with a random one. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { Caption } from '@clipcap/protocol/caption';
import { fixture, root } from '../root.js';
import { captioned, clipcap, failure } from './clipcap.js';

const photos = fixture('photos');

async function captions(...args: string[]): Promise<readonly Caption[]> {
  const { code, stdout, stderr } = await clipcap(['caption', '--json', ...args, 'coffee.jpg'], { cwd: photos });
  assert.equal(code, 0, stderr);
  const [image] = captioned(stdout).images;
  assert.ok(image && 'captions' in image);
  return image.captions;
}

const texts = (found: readonly Caption[]): string[] => found.map((caption) => caption.text);

test('sampling gives the same captions for the same seed, and others for another', async () => {
  const sample = ['--temperature', '1', '--top-p', '0.95', '--captions', '3'];
  const [first, again, other] = await Promise.all([
    captions(...sample, '--seed', '7'),
    captions(...sample, '--seed', '7'),
    captions(...sample, '--seed', '8'),
  ]);
  assert.deepEqual(texts(again), texts(first));
  assert.notDeepEqual(texts(again), texts(other));
  const scores = again.map(({ score }) => score);
  assert.deepEqual(
    scores,
    [...scores].sort((a, b) => b - a),
  );
});

test('top-k of 1 is greedy decoding, whatever the temperature and the seed', async () => {
  const [greedy, sampled] = await Promise.all([
    captions('--decode', 'greedy'),
    captions('--decode', 'sample', '--top-k', '1', '--temperature', '3', '--seed', '5'),
  ]);
  assert.deepEqual(texts(sampled), texts(greedy));
});

test('captions begin as asked, and the forced tokens count in tokens and score', async () => {
  for (const decode of ['greedy', 'beam', 'beam-standard', 'sample']) {
    const [caption] = await captions('--decode', decode, '--begin', 'A photo of ');
    assert.match(caption!.text, /^A photo of/u, decode);
    const joined = caption!.tokens.map((token) => token.text).join('');
    assert.ok(joined.startsWith('A photo of'), joined);
    const mean = caption!.tokens.reduce((sum, { logProb }) => sum + logProb, 0) / caption!.tokens.length;
    assert.ok(Math.abs(caption!.score - mean) < 1e-6);
  }
});

test('lengths and stop tokens are obeyed', async () => {
  const [long] = await captions('--decode', 'greedy', '--min-tokens', '25', '--max-tokens', '30');
  assert.ok(long!.tokens.length >= 25 && long!.tokens.length <= 30, `${long!.tokens.length} tokens`);
  const [plain] = await captions('--decode', 'greedy');
  const { id, text: word } = plain!.tokens[2]!;
  for (const stop of [String(id), word]) {
    const [short] = await captions('--decode', 'greedy', '--stop', '0', '--stop', stop);
    assert.deepEqual(
      short!.tokens.map((token) => token.id),
      plain!.tokens.slice(0, 3).map((token) => token.id),
      `--stop ${JSON.stringify(stop)}`,
    );
  }
});

/** How many ways of beginning there are. */
function starts(found: readonly Caption[]): number {
  return new Set(found.map(({ tokens }) => `${tokens[0]?.id},${tokens[1]?.id}`)).size;
}

test('diverse beam search gives captions that differ where plain beams hardly do', async () => {
  const [plain, diverse] = await Promise.all([
    captions('--decode', 'beam-standard', '--beams', '4', '--captions', '4'),
    captions('--beams', '4', '--groups', '4', '--diversity', '10', '--captions', '4'),
  ]);
  assert.equal(diverse.length, 4);
  assert.equal(new Set(diverse.map(({ tokens }) => tokens[0]!.id)).size, 4);
  assert.ok(starts(diverse) > starts(plain));
});

test('a length penalty that punishes length gives no longer captions than one that rewards it', async () => {
  const [short, long] = await Promise.all([
    captions('--length-penalty', '-2', '--beams', '4'),
    captions('--length-penalty', '3', '--beams', '4'),
  ]);
  assert.ok(short[0]!.tokens.length < long[0]!.tokens.length);
});

test('options that do not go together are wrong usage that names them', async () => {
  const wrong: readonly (readonly [RegExp, ...string[]])[] = [
    [/--temperature needs --decode sample/u, '--decode', 'beam', '--temperature', '0.5'],
    [/--length-penalty needs --decode beam-standard/u, '--decode', 'beam', '--length-penalty', '1'],
    [/--beams needs --decode beam or beam-standard/u, '--decode', 'greedy', '--beams', '3'],
    [/--seed needs --decode sample, --beams --decode beam or beam-standard/u, '--beams', '3', '--seed', '1'],
    [/--beams must be a multiple of --groups \(3\), not 4/u, '--beams', '4', '--groups', '3'],
    [/--diversity needs several --groups/u, '--diversity', '1'],
    [/--min-tokens 5 is more than --max-tokens 4/u, '--min-tokens', '5', '--max-tokens', '4'],
    [/--temperature.*from 0\.01 to 100/u, '--temperature', '0'],
    [/--top-p.*from 0\.001 to 1/u, '--top-p', '1.1'],
    [/--top-k.*whole number at least 1/u, '--top-k', '2.5'],
    [/--seed.*from 0 to 4294967295/u, '--seed', '-1'],
    [/--captions 2 needs at least as many beams, not 1/u, '--decode', 'greedy', '--captions', '2'],
    [/--decode.*greedy, beam, beam-standard, sample/u, '--decode', 'nucleus'],
    [/option stop \(--stop, .*\) must name single tokens, but "a cat on"/u, '--stop', 'a cat on'],
    [
      /option begin \(--begin, .*\) has \d+ tokens; with at most 3/u,
      '--begin',
      'A photo of a dog',
      '--max-tokens',
      '3',
    ],
  ];
  await Promise.all(
    wrong.map(async ([message, ...args]) => {
      const { code, stdout, stderr } = await clipcap(['caption', ...args, 'coffee.jpg'], { cwd: photos });
      assert.deepEqual([code, stdout], [2, ''], args.join(' '));
      assert.match(stderr, message);
    }),
  );
  const { code, stdout } = await clipcap(['caption', '--json', '--groups', '2', '--top-k', '3', 'coffee.jpg']);
  assert.equal(code, 2);
  assert.equal(failure(stdout).code, 'usage');
});

const linux = process.platform === 'linux' ? {} : { skip: 'script(1) makes the terminal there' };

test('on a terminal the caption grows on stderr, and the line is gone at the end', linux, async () => {
  const quoted = [process.execPath, join(root, 'dist', 'cli.mjs'), 'caption', '--decode', 'greedy', 'coffee.jpg'].map(
    (word) => `'${word}'`,
  );
  // A terminal for stderr alone: what a person sees beside the printed captions.
  const child = spawn('script', ['-qec', `${quoted.join(' ')} >/dev/null`, '/dev/null'], {
    cwd: photos,
    stdio: 'pipe',
  });
  const [seen] = await Promise.all([text(child.stdout), once(child, 'close')]);
  const [caption] = await captions('--decode', 'greedy');
  const shown = seen.split('\r\u001b[K').map((line) => line.trim());
  const growing = shown.flatMap((line) => /^0 of 1 image {2}(.+)$/u.exec(line)?.[1] ?? []);
  assert.ok(growing.length >= 3, seen);
  for (const part of growing) assert.ok(caption!.text.startsWith(part), part);
  assert.equal(shown.at(-1), '');
});
