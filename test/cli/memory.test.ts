/** What captions leave behind in the inference process: nothing, however they are decoded. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CaptionOptions } from '@clipcap/protocol/caption';
import { captionImage, loadModel, priorities, runtimeInfo } from '@clipcap/protocol/inference';
import { Child } from '@clipcap/server/process/child';
import { writeRandomPack } from '../randomPack.js';
import { root } from '../root.js';
import { temporaryFolder } from '../temporaryFolder.js';
import { writePng } from '../writePng.js';

const searches: readonly CaptionOptions[] = [
  { strategy: 'greedy' },
  { strategy: 'beam', beams: 5 },
  { strategy: 'beam-standard', beams: 4, groups: 2, captions: 4 },
  { strategy: 'sample', topP: 0.9, captions: 3 },
];

/** So many at a time that some run as a batch. */
const together = 20;

/** Readings rise and fall with V8's collections by some 20 MB: the lowest of three is compared with the lowest of three. */
const readings = 6;

test('a thousand captions and more, after the first two hundred, leave nothing behind in memory', async (t) => {
  // A caption's keys and values take 100 kB: those of every tenth caption, were they to stay, would show.
  const pack = { width: 64, heads: 4, layers: 4, context: 60, maxTokens: 40 };
  const { folder } = await writeRandomPack(join(await temporaryFolder(t), 'pack'), pack);
  const entry = join(root, 'dist', 'inference.mjs');
  const child = new Child(entry, { log: () => undefined, modelState: () => undefined, ended: () => undefined });
  t.after(() => child.end());
  const small = { width: 16, height: 16, colour: 'grey', depth: 8 } as const;
  const bytes = writePng({ ...small, samples: Array.from({ length: 256 }, (_, i) => i) });
  await child.connection.sendRequest(loadModel, { model: folder, provider: 'cpu' });
  const captions = async (count: number): Promise<number> => {
    for (let done = 0; done < count; done += together) {
      const options = searches[(done / together) % searches.length]!;
      const image = { model: folder, provider: 'cpu', bytes, name: 'small.png', sha256: '', options };
      const requests = Array.from({ length: together }, () =>
        child.connection.sendRequest(captionImage, { ...image, priority: priorities.batch }),
      );
      await Promise.all(requests);
    }
    return (await child.connection.sendRequest(runtimeInfo)).memory / 2 ** 20;
  };
  await captions(200);
  const memory: number[] = [];
  for (let reading = 0; reading < readings; reading++) memory.push(await captions(200));
  const [before, after] = [memory.slice(0, readings / 2), memory.slice(readings / 2)];
  assert.ok(Math.min(...after) - Math.min(...before) < 20, `${memory.map(Math.round).join(', ')} MB`);
});
