/**
 * Unicode's white space for a character class, written out: `\s` means something else in JavaScript (with U+FEFF, without
 * U+0085), and one tokenizer file must mean the same to every reader.
 */
export const unicodeSpace = '\\t-\\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000';
