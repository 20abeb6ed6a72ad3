/**
 * GPT-2's tokenizer without a network: ClipCap checkpoints carry GPT-2's weights, not its vocabulary, which never changes.
 * js-tiktoken has it as a list of tokens by rank; a pack needs Hugging Face's `tokenizer.json`, with merges.
 */
import { byteCharacters } from './byteCharacters.js';
import { unicodeSpace } from './unicodeSpace.js';

/** GPT-2's pattern of the pieces that merges never cross. */
const words = [
  "'(?:[smtd]|re|ve|ll)",
  String.raw` ?\p{L}+`,
  String.raw` ?\p{N}+`,
  String.raw` ?[^${unicodeSpace}\p{L}\p{N}]+`,
  `[${unicodeSpace}]+(?![^${unicodeSpace}])`,
  `[${unicodeSpace}]+`,
].join('|');

/** Id by token, in the order of ids. A token is a string of bytes, each a character from U+0000 to U+00FF. */
type Ranks = ReadonlyMap<string, number>;

/**
 * GPT-2's byte-level BPE as the text of a `tokenizer.json`: 50,257 tokens, `<|endoftext|>` the last. Whatever reads that
 * format encodes and decodes with it as with the one that is published beside GPT-2.
 */
export async function gpt2TokenizerJson(): Promise<string> {
  // Half a megabyte that only an import needs.
  const { default: encoding } = await import('js-tiktoken/ranks/gpt2');
  const ranks = parseRanks(encoding.bpe_ranks);
  const tokens = [...ranks.keys()];
  const vocabulary = new Map(tokens.map((token, id) => [printable(token), id]));
  for (const [token, id] of Object.entries(encoding.special_tokens)) vocabulary.set(token, id);
  const merges = tokens
    .filter((token) => token.length > 1)
    .map((token) => mergeOf(token, ranks).map(printable).join(' '));
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: Object.entries(encoding.special_tokens).map(([content, id]) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: true,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: words }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
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
      vocab: Object.fromEntries(vocabulary),
      merges,
    },
  });
}

/** Reads lines of `! rank token token …`: the rank of the first token, then tokens in base64 with ranks counting up. */
function parseRanks(text: string): Ranks {
  const ranks = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, first, ...tokens] = line.split(' ');
    for (const [i, token] of tokens.entries())
      ranks.set(Buffer.from(token, 'base64').toString('latin1'), Number(first) + i);
  }
  return ranks;
}

function printable(bytes: string): string {
  return Array.from(bytes, (byte) => byteCharacters[byte.charCodeAt(0)]!).join('');
}

/**
 * The two tokens that were merged to make `token`. Ranks hold no merges, but each merge made one token and ranks are
 * their order: merging the token's bytes by all merges before its own, earliest first, leaves the last two parts.
 */
function mergeOf(token: string, ranks: Ranks): readonly string[] {
  const parts = token.split('');
  while (parts.length > 2) {
    let best = 0;
    let lowest = Infinity;
    for (let i = 0; i + 1 < parts.length; i++) {
      const rank = ranks.get(parts[i]! + parts[i + 1]!) ?? Infinity;
      if (rank < lowest) [best, lowest] = [i, rank];
    }
    parts.splice(best, 2, parts[best]! + parts[best + 1]!);
  }
  return parts;
}
