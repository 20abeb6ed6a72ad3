/** Errors of an import: what was given does not fit together. */
import { basename } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';

/** @param remedy a sentence: what to do instead */
export function mismatch(path: string, what: string, remedy: string): CaptionError {
  return new CaptionError('checkpoint-mismatch', `${basename(path)} ${what}. ${remedy} (${path})`);
}
