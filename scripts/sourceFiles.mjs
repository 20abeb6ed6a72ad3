/** Which files a build is made of. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const folders = ['protocol', 'models', 'server', 'client', 'webview', 'scripts'];
/** The pack is read where it lies: no change of it makes another build. */
const notBuilt = new Set(['models/builtin']);

/**
 * Every file of ours that the build may read.
 * @param {string} root the repository's folder
 * @returns {string[]} paths from there, with slashes
 */
export function sourceFiles(root) {
  const files = [];
  const pending = [...folders];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`;
      if (entry.name === 'node_modules' || entry.name === 'out' || notBuilt.has(path)) continue;
      if (entry.isDirectory()) pending.push(path);
      else files.push(path);
    }
  }
  return files;
}
