/**
 * Token ids → text and back, for byte-level BPE vocabularies (GPT-2's and the built-in pack's). The library is the one
 * inside transformers.js, by itself: loading all of that takes 80 ms of a command's start.
 */
import { readFile } from 'node:fs/promises';
import { Tokenizer as Library } from '@huggingface/tokenizers';
import type { Caption } from '@clipcap/protocol/caption';
import { CaptionError } from '@clipcap/protocol/error';
import type { Pack } from '@clipcap/models/pack/openPack';
import { byteCharacters } from '@clipcap/models/tokenizer/byteCharacters';
import type { FoundCaption } from './search.js';

export class Tokenizer {
  readonly #tokenizer: Library;
  /** Vocabulary strings by id, in GPT-2's printable stand-ins for bytes. */
  readonly #tokens: readonly string[];

  private constructor(tokenizer: Library, tokens: readonly string[]) {
    this.#tokenizer = tokenizer;
    this.#tokens = tokens;
  }

  /** @throws CaptionError `pack-invalid` if the file is no byte-level tokenizer of the manifest's vocabulary */
  static async create(pack: Pack): Promise<Tokenizer> {
    try {
      const json: unknown = JSON.parse(await readFile(pack.tokenizer, 'utf8'));
      if (!isByteLevel(json)) throw new Error('it is not a byte-level tokenizer');
      const tokenizer = new Library(json, {});
      const tokens: string[] = [];
      for (const [token, id] of tokenizer.get_vocab()) tokens[id] = token;
      const { vocabulary } = pack.manifest.languageModel;
      if (tokens.length > vocabulary) throw new Error(`it has ${tokens.length} tokens, the model ${vocabulary}`);
      return new Tokenizer(tokenizer, tokens);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new CaptionError(
        'pack-invalid',
        `${pack.tokenizer} cannot be used: ${reason}. Import or download the pack again.`,
        { cause },
      );
    }
  }

  /** A caption's text: its tokens without special ones, trimmed. */
  decode(ids: readonly number[]): string {
    // The library takes an empty list for a mistake; a forced beginning may leave one.
    if (ids.length === 0) return '';
    return this.#tokenizer.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false }).trim();
  }

  /** A caption that was found, for people. */
  caption({ tokens, score }: FoundCaption): Caption {
    return {
      text: this.decode(tokens.map(({ id }) => id)),
      score,
      tokens: tokens.map(({ id, logProb }) => ({ id, text: this.tokenText(id), logProb })),
    };
  }

  /** Text → token ids, nothing added: a space at its beginning counts. */
  encode(text: string): number[] {
    return this.#tokenizer.encode(text, { add_special_tokens: false }).ids;
  }

  /** One token alone: its leading space kept, bytes that are no UTF-8 by themselves as `\xNN`. */
  tokenText(id: number): string {
    const token = this.#tokens[id];
    return token === undefined ? `<${id}>` : showBytes(bytesOfToken(token));
  }
}

function isByteLevel(json: unknown): boolean {
  const decoder = typeof json === 'object' && json !== null && 'decoder' in json ? json.decoder : undefined;
  return typeof decoder === 'object' && decoder !== null && 'type' in decoder && decoder.type === 'ByteLevel';
}

const byteOfCharacter = new Map(byteCharacters.map((character, byte) => [character, byte]));

/** Added tokens may hold characters that stand for no byte; these are taken as they are. */
function bytesOfToken(token: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of token) {
    const byte = byteOfCharacter.get(character);
    if (byte === undefined) bytes.push(...new TextEncoder().encode(character));
    else bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

function showBytes(bytes: Uint8Array): string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let text = '';
  for (let start = 0; start < bytes.length;) {
    const length = sequenceLength(bytes[start]!);
    try {
      if (start + length > bytes.length) throw new RangeError('cut off');
      text += decoder.decode(bytes.subarray(start, start + length));
      start += length;
    } catch {
      text += `\\x${bytes[start]!.toString(16).padStart(2, '0').toUpperCase()}`;
      start += 1;
    }
  }
  return text;
}

/** How many bytes the UTF-8 sequence has that begins with `lead`. */
function sequenceLength(lead: number): number {
  if (lead >= 0xf0) return 4;
  if (lead >= 0xe0) return 3;
  return lead >= 0xc0 ? 2 : 1;
}
