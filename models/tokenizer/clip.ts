/**
 * CLIP's tokenizer without a network: archives of OpenAI's carry the text side's weights and no vocabulary, which is the
 * same for all of them. A byte-level BPE of lower-case words, of which the last piece ends with `</w>`.
 */
import { byteCharacters } from './byteCharacters.js';
import { unicodeSpace } from './unicodeSpace.js';

/** 256 bytes, the same ending a word, 48,894 merges, and the two tokens around a text. */
export const clipVocabulary = 49_408;

export const startOfText = '<|startoftext|>';
export const endOfText = '<|endoftext|>';
export const endOfWord = '</w>';

/** CLIP's pattern of the pieces that merges never cross; what lies between them is dropped. */
const words = [
  String.raw`<\|startoftext\|>|<\|endoftext\|>`,
  "'(?:[stmd]|re|ve|ll)",
  String.raw`\p{L}+`,
  String.raw`\p{N}`,
  String.raw`[^${unicodeSpace}\p{L}\p{N}]+`,
].join('|');

/** OpenAI's vocabulary and merges. */
export async function openAiVocabulary(): Promise<{ vocabulary: Map<string, number>; merges: string[] }> {
  // Half a megabyte that only an import needs.
  const { default: stored } = await import('./clipMerges.json', { with: { type: 'json' } });
  const merges = stored.merges.split('\n');
  // In the order of the bytes that print, then the others: as `byteCharacters` numbers them.
  const bytes = byteCharacters.toSorted((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  const tokens = [
    ...bytes,
    ...bytes.map((byte) => byte + endOfWord),
    ...merges.map((merge) => merge.replace(' ', '')),
    startOfText,
    endOfText,
  ];
  return { vocabulary: new Map(tokens.map((token, id) => [token, id])), merges };
}

/**
 * A vocabulary of CLIP's kind as a `tokenizer.json` in Hugging Face's format.
 * @param vocabulary id by token; holds {@link startOfText} and {@link endOfText}
 * @param merges `left right`, the earliest first
 */
export function clipTokenizerJson(vocabulary: ReadonlyMap<string, number>, merges: readonly string[]): object {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [startOfText, endOfText].map((content) => ({
      id: vocabulary.get(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'NFC' },
        { type: 'Replace', pattern: { Regex: `[${unicodeSpace}]+` }, content: ' ' },
        { type: 'Lowercase' },
      ],
    },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: words }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: endOfText,
      continuing_subword_prefix: '',
      end_of_word_suffix: endOfWord,
      fuse_unk: false,
      byte_fallback: false,
      vocab: Object.fromEntries(vocabulary),
      merges,
    },
  };
}
