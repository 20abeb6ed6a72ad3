/** Options that were kept for a view, of unknown age: what of them still holds. */

/** Defaults, with what was kept where it is of the same type. */
export function restored<Options extends object>(defaults: Options, kept: unknown): Options {
  if (typeof kept !== 'object' || kept === null) return defaults;
  const given = new Map<string, unknown>(Object.entries(kept));
  const sane = Object.entries(defaults).filter(([key, value]) => {
    const other = given.get(key);
    return typeof other === typeof value && Array.isArray(other) === Array.isArray(value) && other !== null;
  });
  return { ...defaults, ...Object.fromEntries(sane.map(([key]) => [key, given.get(key)])) };
}

/** What of them holds for another image too: all but those of one caption. */
export function optionsForAnother(ofCaption: readonly string[], kept: object): object {
  return Object.fromEntries(Object.entries(kept).filter(([name]) => !ofCaption.includes(name)));
}
