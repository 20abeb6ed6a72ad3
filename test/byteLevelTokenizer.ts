/** A small, real byte-level BPE tokenizer in Hugging Face's format, as GPT-2 and the built-in pack have it. */

/** GPT-2's printable stand-in for each byte, in the order of its vocabulary (ids 0…255). */
const byteCharacters = (() => {
  const printable = [...range(33, 126), ...range(161, 172), ...range(174, 255)];
  const others = range(0, 255).filter((byte) => !printable.includes(byte));
  return [
    ...printable.map((byte) => String.fromCodePoint(byte)),
    ...others.map((_, index) => String.fromCodePoint(256 + index)),
  ];
})();

const merges = ['Ġ a', 'Ġ c', 'a t', 'Ġc at', 'Ġ d', 'o g', 'Ġd og'];

/** The id of ".". */
export const stopToken = byteCharacters.indexOf('.');

/** A tokenizer.json of `size` tokens: bytes, words (" cat", " dog"), and fillers that no text produces. */
export function byteLevelTokenizer(size: number): object {
  const tokens = [...byteCharacters, ...merges.map((merge) => merge.replace(' ', ''))].slice(0, size);
  while (tokens.length < size) tokens.push(`Ġw${tokens.length}`);
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
