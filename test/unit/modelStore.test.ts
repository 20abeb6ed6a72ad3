/** Whether the files of a downloaded model are still those that came. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { folderOf, listedModel, readNote, storedModel, writeNote } from '@clipcap/models/download/store';
import { CaptionError } from '@clipcap/protocol/error';
import { modelPath } from '@clipcap/server/cli/modelPath';
import { sha256 } from '../fakeHub.js';
import { temporaryFolder } from '../temporaryFolder.js';

const id = 'someone/model';
const content = Buffer.from('weights');
/** In milliseconds: times of two changes may be the same within one of the kernel's ticks. */
const tick = 20;

/** A store with one model of one file. */
async function storeIn(context: TestContext): Promise<{ store: string; file: string }> {
  const store = await temporaryFolder(context);
  const folder = folderOf(id, store);
  const file = join(folder, 'weights.pt');
  await mkdir(folder);
  await writeFile(file, content);
  const stored = {
    size: content.length,
    sha256: sha256(content),
    trust: 'server',
    url: 'https://example.com',
  } as const;
  const files = { 'weights.pt': { ...stored, ...(await timesOf(file)) } };
  await writeNote(folder, { version: 1, id, complete: true, files });
  return { store, file };
}

async function timesOf(file: string): Promise<{ readonly modified: number; readonly changed: number }> {
  const { mtimeMs: modified, ctimeMs: changed } = await stat(file);
  return { modified, changed };
}

async function timesNoted(store: string): Promise<{ readonly modified: number; readonly changed?: number }> {
  const { modified, changed } = (await readNote(folderOf(id, store)))!.files['weights.pt']!;
  return { modified, ...(changed !== undefined && { changed }) };
}

/** The note as older versions wrote it. */
async function age(store: string): Promise<void> {
  const note = join(folderOf(id, store), 'download.json');
  await writeFile(note, (await readFile(note, 'utf8')).replaceAll(/,\s*"changed": [\d.]+/gu, ''));
  assert.deepEqual(Object.keys(await timesNoted(store)), ['modified']);
}

/** Sets the times of files, more exactly than Node.js can. */
async function touch(...args: readonly string[]): Promise<void> {
  await promisify(execFile)('touch', args);
}

/** Other content of the same size and, as far as a program can set it, of the same time. */
async function forge(file: string): Promise<void> {
  await setTimeout(tick);
  const reference = `${file}.reference`;
  await touch('-r', file, reference);
  await writeFile(file, content.toReversed());
  await touch('-r', reference, file);
  assert.equal((await stat(file)).mtimeMs, (await stat(reference)).mtimeMs);
  await rm(reference);
}

function mismatch(error: unknown): boolean {
  return error instanceof CaptionError && error.code === 'download-mismatch';
}

const posix = { skip: process.platform === 'win32' && 'needs touch and mkfifo' };

test('a file that was changed is noticed, even if its size and the time of its content were kept', posix, async (t) => {
  const { store, file } = await storeIn(t);
  assert.equal(await storedModel(id, store), folderOf(id, store));
  await forge(file);
  await assert.rejects(storedModel(id, store), mismatch);
});

test('a copy is as good as what was downloaded, and its times are noted', async (t) => {
  const { store } = await storeIn(t);
  await setTimeout(tick);
  const copy = join(await temporaryFolder(t), 'store');
  await cp(store, copy, { recursive: true });
  const times = await timesOf(join(folderOf(id, copy), 'weights.pt'));
  assert.notDeepEqual(await timesNoted(copy), times);
  assert.equal(await storedModel(id, copy), folderOf(id, copy));
  assert.deepEqual(await timesNoted(copy), times);
});

test('a list of models reads no file; who uses a model’s folder or file is told of a change', posix, async (t) => {
  const { store, file } = await storeIn(t);
  await forge(file);
  assert.equal(await listedModel(id, store), folderOf(id, store));
  for (const named of [folderOf(id, store), file]) await assert.rejects(modelPath(named, 'checkpoint'), mismatch);
  await writeFile(file, 'less');
  assert.equal(await listedModel(id, store), undefined);
});

test('a note whose names lead out of its folder is none', async (t) => {
  const { store } = await storeIn(t);
  const folder = folderOf(id, store);
  const note = (await readNote(folder))!;
  await writeNote(folder, { ...note, files: { '../weights.pt': note.files['weights.pt']! } });
  assert.equal(await readNote(folder), undefined);
});

test('a pipe in place of a note is none, and is not waited for', posix, async (t) => {
  const { store, file } = await storeIn(t);
  const note = join(folderOf(id, store), 'download.json');
  await rm(note);
  execFileSync('mkfifo', [note]);
  assert.equal(await storedModel(id, store), undefined);
  assert.equal(await modelPath(file, 'checkpoint'), file);
});

test('a note of more than a megabyte is none', async (t) => {
  const { store } = await storeIn(t);
  const folder = folderOf(id, store);
  const note = (await readNote(folder))!;
  // Of fewer characters than that.
  await writeNote(folder, { ...note, id: '€'.repeat(2 ** 20 / 3 + 1) });
  assert.equal(await readNote(folder), undefined);
});

test('who stops waiting for a copy to be hashed is not told that it is another file', posix, async (t) => {
  const { store, file } = await storeIn(t);
  await forge(file);
  const stop = new AbortController();
  const waiting = modelPath(file, 'checkpoint', stop.signal);
  stop.abort();
  await assert.rejects(waiting, (error) => error instanceof CaptionError && error.code === 'cancelled');
  await assert.rejects(storedModel(id, store), mismatch);
});

test('of two models that share a folder, only the one that is there answers', async (t) => {
  const { store } = await storeIn(t);
  const note = (await readNote(folderOf(id, store)))!;
  const [there, other] = ['some--one/model', 'some/one--model'];
  const folder = folderOf(there, store);
  assert.equal(folderOf(other, store), folder);
  await cp(folderOf(id, store), folder, { recursive: true });
  await writeNote(folder, { ...note, id: there });
  assert.equal(await storedModel(there, store), folder);
  assert.equal(await listedModel(there, store), folder);
  assert.equal(await storedModel(other, store), undefined);
  assert.equal(await listedModel(other, store), undefined);
});

test('an older note, without the time of the entry, costs no download', async (t) => {
  const { store, file } = await storeIn(t);
  await age(store);
  assert.equal(await storedModel(id, store), folderOf(id, store));
  assert.deepEqual(await timesNoted(store), await timesOf(file));
});

test('an older note proves nothing by the time of the content alone', posix, async (t) => {
  const { store, file } = await storeIn(t);
  await age(store);
  await forge(file);
  await assert.rejects(storedModel(id, store), mismatch);
});
