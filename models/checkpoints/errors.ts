/** Errors of checkpoint readers: every message names the file and says what to do. */
import { basename } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';

/** The file is damaged, cut off, or says things that cannot be true. */
export function invalid(path: string, what: string, cause?: unknown): CaptionError {
  const message = `${basename(path)} is not a sound checkpoint: ${what}. Download or save it again (${path}).`;
  return new CaptionError('checkpoint-invalid', message, { cause });
}

/** The file may be sound, but is not read. @param remedy a sentence: what to do instead */
export function unsupported(path: string, what: string, remedy: string): CaptionError {
  return new CaptionError('checkpoint-unsupported', `${basename(path)} ${what}. ${remedy} (${path})`);
}

/** What to do about tensors of types that are not read. */
export const convert = 'Convert it in Python, for example with tensor.float(), and save it again.';

/** A name of the file's choosing, for messages: whatever it is, it stays short and on one line. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}
