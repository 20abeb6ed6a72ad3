/** What the command line prints for people, as a terminal gets it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { ImageEntry } from '@clipcap/protocol/caption';
import { describeEntry } from '@clipcap/server/cli/text';

const words = ['dog', 'puppy', '犬', 'a\u001b[2Jb', ' '];
const timings = { decode: 0, preprocess: 0, encode: 0, map: 0, generate: 0, interpret: 0 };
const entry: ImageEntry = {
  path: 'evil\u001b]0;title\u0007.jpg',
  sha256: '',
  width: 1,
  height: 1,
  captions: [{ text: 'A dog.', score: -0.5, tokens: [] }],
  prefix: [0, 10].map((position) => ({
    position,
    norm: 9.5 + position,
    nearest: words.map((text, i) => ({ id: i, text: ` ${text}`, score: 0.5 - i / 10 })),
  })),
  timings,
};

function linesOf(terminal: { isTTY?: boolean; columns?: number }): string[] {
  return describeEntry(entry, terminal).split('\n');
}

test('control characters of file names and words cannot reach the terminal', () => {
  const text = describeEntry(entry, {});
  assert.doesNotMatch(text, /[^\P{Cc}\n]/u);
  assert.ok(text.startsWith('evil\\x1b]0;title\\x07.jpg\n'));
});

test('a pipe gets every word, columns aligned', () => {
  const [, , heading, first, second] = linesOf({});
  assert.equal(heading, '  position   norm  nearest words (cosine)');
  assert.equal(first, '         0   9.50  dog 0.50  puppy 0.40  犬 0.30  a\\x1b[2Jb 0.20  "  " 0.10');
  assert.equal(second, '        10  19.50  dog 0.50  puppy 0.40  犬 0.30  a\\x1b[2Jb 0.20  "  " 0.10');
});

test('a terminal gets as many words as fit into its width, at least one', () => {
  assert.equal(
    stripVTControlCharacters(linesOf({ isTTY: true, columns: 40 })[3] ?? ''),
    '         0   9.50  dog 0.50  puppy 0.40',
  );
  assert.equal(stripVTControlCharacters(linesOf({ isTTY: true, columns: 10 })[3] ?? ''), '         0   9.50  dog 0.50');
});

test('colours are for terminals, and not if NO_COLOR is set', (context) => {
  assert.ok(describeEntry(entry, { isTTY: true }).includes('\u001b[1mA dog.\u001b[22m'));
  process.env['NO_COLOR'] = '1';
  context.after(() => delete process.env['NO_COLOR']);
  assert.ok(!describeEntry(entry, { isTTY: true }).includes('\u001b'));
});

test('a caption of no words is called so', () => {
  const silent = { ...entry, captions: [{ text: '', score: -1, tokens: [] }] };
  assert.match(describeEntry(silent, {}), /^ {2}\(no words\) {2}score -1\.000$/mu);
});
