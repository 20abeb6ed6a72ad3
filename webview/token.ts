/** How a token of a byte-level vocabulary is written for people: what it stands for stays exact, what is odd is marked. */

export interface TokenPart {
  readonly text: string;
  /** A mark stands for something that cannot be seen: a space, a line break, a byte that is no character by itself. */
  readonly mark: boolean;
}

const marks: Readonly<Record<string, string>> = { ' ': '·', '\n': '↵', '\r': '␍', '\t': '⇥', '\u00a0': '⍽' };

/** Splits a token's text into what is read and what is only marked; an empty token becomes one mark. */
export function tokenParts(text: string): readonly TokenPart[] {
  if (text === '') return [{ text: '∅', mark: true }];
  const parts: TokenPart[] = [];
  for (const [piece] of text.matchAll(/\\x[0-9a-f]{2}|[\s\u00a0]|(?:(?!\\x[0-9a-f]{2})[^\s\u00a0])+/giu)) {
    const known = marks[piece];
    parts.push({ text: known ?? piece, mark: known !== undefined || /^(?:\\x[0-9a-f]{2}|\s)$/iu.test(piece) });
  }
  return parts;
}

/** A token as it is written in a label: glyphs for what cannot be seen. */
export function glyphs(token: string): string {
  return tokenParts(token)
    .map((part) => part.text)
    .join('');
}

/** What a screen reader says for a token: the word alone, or what its mark means. */
export function spokenToken(text: string): string {
  const word = text.trim();
  if (word !== '') return word;
  if (text === '') return 'empty token';
  return text.includes('\n') ? 'line break' : 'space';
}
