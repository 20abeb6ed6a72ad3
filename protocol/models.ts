/** What `clipcap models --json` and `clipcap get --json` print, version 1: fields may be added, none change their meaning. */

export interface ListedModel {
  readonly id: string;
  readonly title: string;
  readonly kind: 'checkpoint' | 'encoder';
  /** In bytes; not there if only the server knows it. */
  readonly size?: number;
  /** Whether `size` is exact. */
  readonly exact: boolean;
  /** The size as people read it. */
  readonly sizeText: string;
  readonly licence: string;
  readonly goodFor: string;
  readonly goesWith: readonly string[];
  /** The page from which a browser has to download it. */
  readonly page?: string;
  /** Where it is, if it is here. */
  readonly path?: string;
}

export interface ModelsDocument {
  readonly version: 1;
  /** Where downloaded models lie. */
  readonly folder: string;
  readonly models: readonly ListedModel[];
}

/** Of `get`: the model is here. */
export interface GetDocument {
  readonly version: 1;
  readonly id: string;
  readonly folder: string;
}

/** Of `get --ask`: what the user has to agree to first, as a sentence, and whether that is the download itself. */
export interface QuestionDocument {
  readonly version: 1;
  readonly id: string;
  /** Where the model is, if it is here and there is nothing to ask. */
  readonly folder?: string;
  readonly question?: { readonly kind: 'size' | 'download'; readonly text: string; readonly licence: string };
}
