/** Reading what a client sent without trusting its shape. */

/** A value's fields, none of them promised: each must be checked before it is used. */
export function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
