/** Which images a chosen folder stands for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { walkImages, type Entry } from '@clipcap/client/walkImages';

type Tree = { readonly [name: string]: Tree | 'file' | 'link' | 'unreadable' };

/** Lists a tree's folders, entries in the reverse order of their names, as a file system may. */
function listing(tree: Tree): (path: readonly string[]) => Promise<readonly Entry[]> {
  return (path) => {
    let here: Tree[string] | undefined = tree;
    for (const name of path) here = typeof here === 'object' ? here[name] : undefined;
    if (typeof here !== 'object') return Promise.reject(new Error('no permission'));
    const entries = Object.entries(here).map(([name, what]): Entry => {
      const kind = what === 'file' ? 'file' : what === 'link' ? 'other' : 'folder';
      return { name, kind };
    });
    return Promise.resolve(entries.toReversed());
  };
}

const holiday: Tree = {
  'b.jpg': 'file',
  'notes.txt': 'file',
  'drawing.svg': 'file',
  'to-elsewhere': 'link',
  'to-a-photo.jpg': 'link',
  'a-day': { 'z.PNG': 'file', deep: { 'a.webp': 'file' } },
  locked: 'unreadable',
  'c-day': { 'a.tiff': 'file' },
};

test('images at any depth are found in the order of names; links, SVG and locked folders are passed over', async () => {
  const { paths, found, whole } = await walkImages(listing(holiday), 10, () => false);
  assert.deepEqual(
    paths.map((path) => path.join('/')),
    ['a-day/deep/a.webp', 'a-day/z.PNG', 'b.jpg', 'c-day/a.tiff'],
  );
  assert.deepEqual([found, whole], [4, true]);
});

test('above the limit the first are named and all are counted', async () => {
  const { paths, found, whole } = await walkImages(listing(holiday), 2, () => false);
  assert.deepEqual(
    paths.map((path) => path.join('/')),
    ['a-day/deep/a.webp', 'a-day/z.PNG'],
  );
  assert.deepEqual([found, whole], [4, true]);
});

test('a tree without an end is looked at up to a limit, in depth and in all', async () => {
  for (const folders of [['again'], ['again', 'and', 'more']]) {
    let listed = 0;
    const endless = (): Promise<readonly Entry[]> => {
      listed++;
      const inside = folders.map((name): Entry => ({ name, kind: 'folder' }));
      return Promise.resolve([{ name: 'a.jpg', kind: 'file' }, ...inside]);
    };
    const { paths, found, whole } = await walkImages(endless, 50, () => false);
    assert.deepEqual([paths.length, whole], [50, false]);
    assert.ok(found > 50 && listed <= 50_001, `${listed} folders were read`);
  }
});

test('a folder that cannot be read at all says so, and a cancelled search ends', async () => {
  await assert.rejects(
    walkImages(
      () => Promise.reject(new Error('gone')),
      10,
      () => false,
    ),
    /gone/u,
  );
  const { found, whole } = await walkImages(listing(holiday), 10, () => true);
  assert.deepEqual([found, whole], [0, false]);
});
