import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CaptionError } from '@clipcap/protocol/error';
import { withRemedy } from '@clipcap/server/inference/remedy';

function messageFor(folder: string, message: string): string {
  const error = withRemedy(new CaptionError('pack-file-changed', message), folder, '/builtin');
  assert.ok(error instanceof CaptionError && error.code === 'pack-file-changed');
  return error.message;
}

test('a broken built-in pack comes back with the extension, another one by importing it again', () => {
  const message = 'x differs. Import or download the pack again.';
  assert.equal(messageFor('/builtin', message), 'x differs. Reinstall ClipCap Lens.');
  assert.equal(messageFor('/mine', message), 'x differs. Import or download the pack in /mine again.');
  assert.equal(messageFor('/mine', `/mine/${message}`), `/mine/${message}`, 'a pack that is named is not named twice');
  assert.equal(
    messageFor('/builtin', 'Try again; if that does not help, import or download the pack again.'),
    'Try again; if that does not help, reinstall ClipCap Lens.',
  );
  const elsewhere = 'Import or download the pack again into a new folder.';
  assert.equal(messageFor('/builtin', elsewhere), 'Reinstall ClipCap Lens.');
  assert.equal(messageFor('/mine', elsewhere), 'Import or download the pack in /mine again into a new folder.');
  assert.equal(messageFor('/builtin', 'No "logits". Import the pack again.'), 'No "logits". Reinstall ClipCap Lens.');
});
