/** What `clipcap import` refuses before it looks at any file. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCommandLine } from '@clipcap/server/cli/commandLine';

const whole = ['import', 'model.pt', '--encoder', 'clip', '--out', 'pack'];

function refuses(args: readonly string[], message: RegExp): void {
  const line = parseCommandLine(args);
  assert.ok(line.kind === 'usage', `${args.join(' ')} is accepted`);
  assert.match(line.message, message);
}

test('an option and its opposite contradict each other, in any order', () => {
  refuses(
    [...whole, '--normalize', '--no-normalize'],
    /^error: --normalize and --no-normalize contradict each other$/mu,
  );
  refuses(
    [...whole, '--no-labels', '--labels', 'list.txt'],
    /^error: --labels and --no-labels contradict each other$/mu,
  );
});

test('one of them is taken, also twice', () => {
  const line = parseCommandLine([...whole, '--no-normalize', '--no-normalize', '--labels', 'list.txt']);
  assert.ok(line.kind === 'import');
  assert.deepEqual([line.command.normalize, line.command.labels], [false, 'list.txt']);
});

test('an empty path is not the current folder', () => {
  refuses([...whole, '--out', ''], /^error: --out is empty$/mu);
  refuses([...whole, '--gpt2-config='], /^error: --gpt2-config is empty$/mu);
  refuses(['import', '', ...whole.slice(2)], /^error: checkpoint is empty$/mu);
});
