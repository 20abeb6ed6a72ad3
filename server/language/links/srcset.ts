/** The candidates of an HTML `srcset`, with their places: `small.jpg 1x, large.jpg 2x`. */

export interface SrcsetCandidate {
  readonly url: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Splits a `srcset` as the HTML standard does (§4.8.4.2.2, "parse a srcset attribute"): a URL runs to the next white
 * space; commas at its end belong to the list; a descriptor runs to the next comma outside parentheses.
 */
export function srcsetCandidates(text: string): SrcsetCandidate[] {
  const candidates: SrcsetCandidate[] = [];
  const url = /[\s,]*(\S+)/uy;
  const descriptors = /(?:\([^)]*\)?|[^,(])*/uy;
  for (;;) {
    const match = url.exec(text);
    const written = match?.[1];
    if (written === undefined) return candidates;
    const start = url.lastIndex - written.length;
    const name = written.replace(/,+$/u, '');
    candidates.push({ url: name, start, end: start + name.length });
    if (name === written) {
      descriptors.lastIndex = url.lastIndex;
      descriptors.exec(text);
      url.lastIndex = descriptors.lastIndex;
    }
  }
}
