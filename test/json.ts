/** Reads and breaks JSON files of a shape that the test knows. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';

export async function readJson<T extends object = object>(path: string): Promise<T> {
  const value: unknown = JSON.parse(await readFile(path, 'utf8'));
  assert.ok(typeof value === 'object' && value !== null);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- files of the test's own making, or committed fixtures
  return value as T;
}

/** Sets the value at `keys` in the JSON file, or removes it. */
export async function editJson(path: string, keys: readonly string[], value?: unknown): Promise<void> {
  const document = await readJson(path);
  setAt(document, keys, value);
  await writeFile(path, JSON.stringify(document));
}

/** Sets the value at `keys`, or removes it. */
export function setAt(document: object, keys: readonly string[], value?: unknown): void {
  let parent = document;
  for (const key of keys.slice(0, -1)) {
    const child: unknown = Reflect.get(parent, key);
    assert.ok(typeof child === 'object' && child !== null, `there is no ${key}`);
    parent = child;
  }
  if (value === undefined) Reflect.deleteProperty(parent, keys.at(-1)!);
  else Reflect.set(parent, keys.at(-1)!, value);
}
