import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseCommandLine } from '@clipcap/server/cli/commandLine';
import { root } from '../root.js';

const codes = ['0', '1', '2', '3', '130'];

/** The codes that a command's row of docs/guide.md explains. */
function inGuide(command: string): string[] {
  const lines = readFileSync(join(root, 'docs', 'guide.md'), 'utf8').split('\n');
  const cells = lines
    .filter((line) => line.startsWith(`| \`${command}\` `))
    .map((line) => line.split('|').slice(2, -1));
  const row = cells.find(({ length }) => length === codes.length);
  assert.ok(row, `docs/guide.md has no row for ${command}`);
  return codes.filter((_, i) => row[i]?.trim() !== '');
}

/** The codes that a line of a command's help explains. */
function inHelp(command: string, beginning: string): string[] {
  const help = parseCommandLine([command, '--help']);
  assert.ok(help.kind === 'help');
  const line = help.text.split('\n').find((one) => one.startsWith(beginning)) ?? '';
  return Array.from(line.slice(beginning.length).matchAll(/(?:^|, )(\d+) /gu), ([, code]) => code ?? '');
}

for (const command of ['caption', 'inspect', 'import', 'models', 'get', 'doctor']) {
  test(`${command} --help and the guide explain the same exit codes`, () => {
    assert.deepEqual(inHelp(command, 'Exit code: '), inGuide(command));
  });
}

test('doctor --help and the guide explain the same exit codes of --install-cuda', () => {
  assert.deepEqual(inHelp('doctor', 'With --install-cuda: '), inGuide('doctor --install-cuda'));
});
