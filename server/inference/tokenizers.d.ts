/** What we use of the package: its own declarations import each other without file endings, which Node's rules do not find. */
declare module '@huggingface/tokenizers' {
  export class Tokenizer {
    /** @param tokenizer what `tokenizer.json` holds @param config what `tokenizer_config.json` holds */
    constructor(tokenizer: unknown, config: unknown);
    encode(text: string, options: { readonly add_special_tokens: boolean }): { readonly ids: number[] };
    decode(
      ids: readonly number[],
      options: { readonly skip_special_tokens: boolean; readonly clean_up_tokenization_spaces: boolean },
    ): string;
    get_vocab(): ReadonlyMap<string, number>;
  }
}
