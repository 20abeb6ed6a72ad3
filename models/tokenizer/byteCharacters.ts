/** GPT-2's way to write bytes in a vocabulary: each is one printable character, itself where it is printable. */

/** By byte: itself if it is printable in Latin-1, else the next free character from U+0100 on. */
export const byteCharacters: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCodePoint(isPrintable ? byte : next++);
  });
})();
