/** Where the repository is, for tests that run from their compiled place (`test/out`). */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root folder. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The path of a file below `test/fixtures`. */
export function fixture(path: string): string {
  return join(root, 'test', 'fixtures', path);
}
