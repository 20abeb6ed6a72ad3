/** What an import knows of a model, and where from; and its report, which the command line prints and the editor reads. */
import type { ErrorCode } from './caption.js';
import { CaptionError } from './error.js';
import type { SelfCheck } from './inference.js';

/** An output of an ONNX encoder that may be the embedding. */
export interface EncoderOutput {
  readonly name: string;
  /** Of the embedding. */
  readonly width: number;
}

/** What only people can say, by the option that says it. */
export type ImportQuestion =
  { readonly flag: '--encoder-output'; readonly outputs: readonly EncoderOutput[] } | { readonly flag: '--tokenizer' };

/** An import that cannot go on before its question is answered; the document of `--json` has it beside code and message. */
export class UndecidedImport extends CaptionError {
  readonly question: ImportQuestion;

  constructor(code: ErrorCode, message: string, question: ImportQuestion) {
    super(code, message);
    this.question = question;
  }
}

export interface Finding {
  readonly what: string;
  readonly value: string;
  /** Shapes, configuration files, an option, or only what is usual. */
  readonly from: 'shapes' | 'config' | 'told' | 'assumed';
  /** The option that says otherwise. */
  readonly flag?: string;
  /** Whether what is usual differs between checkpoints of this kind, so that people should be asked. */
  readonly ambiguous?: boolean;
  /** Of an ONNX encoder with several: what else the embedding could be. */
  readonly outputs?: readonly EncoderOutput[];
}

/** The document of `--json`, version 1: fields may be added, none change their meaning. Sizes are bytes. */
export interface ImportDocument {
  readonly version: 1;
  readonly pack: {
    readonly id: string;
    readonly title: string;
    readonly dtype: string;
    readonly encoder: string;
    readonly mapper: string;
    /** Absolute; absent in a dry run, as its size is. */
    readonly folder?: string;
    readonly size?: number;
  };
  readonly findings: readonly Finding[];
  /** Tensors of the checkpoint that captions do not need. */
  readonly leftBehind: number;
  /** Absent if the pack was not tried. */
  readonly check?: SelfCheck;
  readonly referencePhotos?: number;
  /** What speaks against the pack although it runs, in a sentence or two for people. */
  readonly warning?: string;
}
