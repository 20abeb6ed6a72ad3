/** Equality of documents whose numbers were computed twice. */
import assert from 'node:assert/strict';

/** Asserts the same structure, texts, whole numbers and, to 1e-4, fractions. */
export function assertAlike(actual: unknown, expected: unknown, path = ''): void {
  if (typeof actual === 'number' && typeof expected === 'number' && !Number.isInteger(expected)) {
    const off = Math.abs(actual - expected);
    assert.ok(off <= 1e-4 * Math.max(1, Math.abs(expected)), `${path}: ${actual} instead of ${expected}`);
  } else if (isObject(actual) && isObject(expected)) {
    assert.deepEqual(Object.keys(actual).toSorted(), Object.keys(expected).toSorted(), path);
    for (const [key, value] of Object.entries(expected)) assertAlike(actual[key], value, `${path}/${key}`);
  } else assert.deepEqual(actual, expected, path);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
