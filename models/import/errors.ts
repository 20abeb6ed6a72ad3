/** Errors of an import: what was given does not fit together. */
import { basename } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';
import type { EncoderOutput } from '@clipcap/protocol/import';

/** @param remedy a sentence: what to do instead */
export function mismatch(path: string, what: string, remedy: string): CaptionError {
  return new CaptionError('checkpoint-mismatch', `${basename(path)} ${what}. ${remedy} (${path})`);
}

/** `checkpoint-mismatch` of an ONNX encoder whose embedding somebody must point out. */
export class UnknownOutput extends CaptionError {
  /** What it may be. */
  readonly outputs: readonly EncoderOutput[];

  constructor(path: string, what: string, outputs: readonly EncoderOutput[]) {
    const names = outputs.map(({ name, width }) => `${name.slice(0, 100)} (${width} values)`).join(', ');
    const remedy = `Say which is the image’s embedding with --encoder-output: ${names}.`.slice(0, 1000);
    super('checkpoint-mismatch', mismatch(path, what, remedy).message);
    this.outputs = outputs;
  }
}
