/** The sample workspace of the demo and of the tests in real VS Code: its documents, with photos beside them. */
import { copyFile, cp, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './setup.mjs';

/** A copy of chelsea.jpg under a name that must survive paths, URIs, Markdown and HTML. */
const awkwardName = 'наша кошка #1 – 100%.jpg';

/**
 * Copies the sample workspace.
 * @param {string} folder where to; made if it does not exist
 */
export async function copySampleWorkspace(folder) {
  const photos = join(root, 'test', 'fixtures', 'photos');
  await mkdir(join(folder, 'photos'), { recursive: true });
  await cp(join(root, 'test', 'fixtures', 'workspace'), folder, { recursive: true });
  for (const name of (await readdir(photos)).filter((file) => file.endsWith('.jpg'))) {
    await copyFile(join(photos, name), join(folder, 'photos', name));
  }
  await copyFile(join(photos, 'chelsea.jpg'), join(folder, 'photos', awkwardName));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , folder] = process.argv;
  if (folder === undefined) throw new Error('Usage: node scripts/sample.mjs <folder>');
  await copySampleWorkspace(folder);
}
