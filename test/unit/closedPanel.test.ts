/** What the extension keeps of a panel of the Prefix Lens that was closed: nothing. The editor around it is a fake. */
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test } from 'node:test';
import type { CancellationToken } from 'vscode';
import type { CaptionResult } from '@clipcap/protocol/caption';
import { collectGarbage } from '@clipcap/server/inference/collectGarbage';
import '../registerFakeVscode.js';

const { PrefixPanel } = await import('@clipcap/client/panel');
const { panels, Uri } = await import('../fakeVscode.js');

/** Answers that never come, as from a server that is busy; they end when they are cancelled. */
function unlessCancelled(token: CancellationToken): Promise<never> {
  return new Promise((_, reject) => {
    token.onCancellationRequested(() => reject(new Error('cancelled')));
  });
}

/** Opens a panel, lets it show a caption and ask for a view, and closes it. What is returned does not keep it alive. */
async function openAndClose(panel: InstanceType<typeof PrefixPanel>, held: WeakRef<object>[]): Promise<void> {
  panel.inspect(Uri.parse('file:///photos/cat.jpg'));
  await setImmediate();
  const [shown] = panels;
  assert.ok(shown);
  shown.says.fire({ type: 'ready' });
  shown.says.fire({ type: 'request', id: 1, method: 'lens', params: { view: 'table', params: {} } });
  await setImmediate();
  const [, message] = shown.posted;
  assert.ok(typeof message === 'object' && message !== null && 'result' in message, JSON.stringify(shown.posted));
  assert.ok(typeof message.result === 'object' && message.result !== null);
  held.push(new WeakRef(shown), new WeakRef(message.result));
  shown.dispose();
}

test('a closed panel is cancelled and let go, with the caption that it showed', async () => {
  const asked: CancellationToken[] = [];
  const held: WeakRef<object>[] = [];
  const panel = new PrefixPanel({
    dist: Uri.parse('file:///dist'),
    caption: (uri, token) => {
      if (uri.endsWith('/slow.jpg')) return unlessCancelled(asked[asked.push(token) - 1]!);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a caption holds does not matter here
      return Promise.resolve({} as CaptionResult);
    },
    server: {
      lens: (_, token) => {
        asked.push(token);
        return unlessCancelled(token);
      },
      report: (_, token) => unlessCancelled(token),
      thumbnail: (_, token) => unlessCancelled(token),
    },
  });
  for (let time = 0; time < 3; time += 1) await openAndClose(panel, held);
  panel.inspect(Uri.parse('file:///photos/slow.jpg'));
  await setImmediate();
  panels[0]?.dispose();
  assert.deepEqual(
    asked.map((token) => token.isCancellationRequested),
    [true, true, true, true],
  );
  asked.length = 0;
  await setImmediate();
  collectGarbage();
  await setImmediate();
  collectGarbage();
  assert.deepEqual(
    held.map((reference) => reference.deref()),
    Array.from(held, () => undefined),
  );
  panel.dispose();
});
