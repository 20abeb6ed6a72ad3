/**
 * Folders and documents with more in them than a call can have arguments: some 125,000 on a stack of ordinary size. Here
 * the stack is a fifth of that, and so is what is read.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { temporaryFolder } from '../temporaryFolder.js';

const many = 30_000;
/** Node keeps 0.19 of it for itself. */
const stackSizeMb = 0.4;

const source = `
const { parentPort, workerData: { module, name, argument } } = require('node:worker_threads');
import(module).then(async ({ [name]: find }) => parentPort.postMessage((await find(argument)).length));
`;

/** How many a function of the server finds. */
async function found(module: string, name: string, argument: unknown): Promise<unknown> {
  const workerData = { module: import.meta.resolve(`@clipcap/server/${module}`), name, argument };
  const worker = new Worker(source, { eval: true, workerData, resourceLimits: { stackSizeMb } });
  const [count] = (await once(worker, 'message')) as unknown[];
  return count;
}

test('a folder with very many images is captioned, also inside another one', async (t) => {
  const outer = await temporaryFolder(t);
  const folder = join(outer, 'photos');
  await mkdir(folder);
  for (let i = 0; i < many; i++) writeFileSync(join(folder, `${i}.png`), '');
  assert.equal(await found('cli/images', 'findImages', [folder]), many);
  assert.equal(await found('cli/images', 'findImages', [outer]), many);
});

test('HTML with very many elements, and an element with very many images, are read', async () => {
  assert.equal(await found('language/links/html', 'htmlLinks', '<img src=a.png>'.repeat(many)), many);
  const candidates = Array.from({ length: many }, (_, i) => `a.png ${i + 1}w`);
  assert.equal(await found('language/links/html', 'htmlLinks', `<img srcset="${candidates.join(', ')}">`), many);
});

test('Markdown with very many paragraphs is read', async () => {
  const text = `![a](a.png)\n\n${'a\n\n'.repeat(many)}`;
  assert.equal(await found('language/links/markdown', 'markdownLinks', text), 1);
});
