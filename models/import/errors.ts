/** Errors of an import: what was given does not fit together. */
import { basename } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';
import { UndecidedImport, type ImportQuestion } from '@clipcap/protocol/import';

/** @param remedy a sentence: what to do instead */
export function mismatch(path: string, what: string, remedy: string): CaptionError {
  return new CaptionError('checkpoint-mismatch', sentences(path, what, remedy));
}

/** The same, where an answer to a question is the remedy: an editor can ask it. */
export function undecided(path: string, what: string, remedy: string, question: ImportQuestion): UndecidedImport {
  return new UndecidedImport('checkpoint-mismatch', sentences(path, what, remedy), question);
}

function sentences(path: string, what: string, remedy: string): string {
  return `${basename(path)} ${what}. ${remedy} (${path})`;
}
