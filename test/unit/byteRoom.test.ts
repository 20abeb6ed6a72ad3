import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ByteRoom } from '@clipcap/server/cli/byteRoom';

test('files share the room in order, none passes another, and one that is too large is alone in it', async () => {
  const room = new ByteRoom(10);
  const entered: number[] = [];
  const sizes = [4, 6, 1, 25, 2];
  for (const size of sizes) void room.take(size).then(() => entered.push(size));
  await turn();
  assert.deepEqual(entered, [4, 6]);
  room.give(6);
  await turn();
  assert.deepEqual(entered, [4, 6, 1]);
  room.give(4);
  await turn();
  assert.deepEqual(entered, [4, 6, 1]);
  room.give(1);
  await turn();
  assert.deepEqual(entered, [4, 6, 1, 25]);
  room.give(25);
  await turn();
  assert.deepEqual(entered, sizes);
});
