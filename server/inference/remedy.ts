/** What to do about a broken pack depends on where the pack came from: the one that ships can only come back with us. */
import { CaptionError } from '@clipcap/protocol/error';

const importAgain = /\b(import (?:or download )?the pack)( again\b(?: into a new folder)?)/iu;

/** An error of the pack in `folder` that names it, its remedy fit for the built-in pack if it is that one. */
export function withRemedy(error: unknown, folder: string, builtin: string): unknown {
  if (!(error instanceof CaptionError)) return error;
  const isNamed = error.message.includes(folder);
  const message = error.message.replace(importAgain, (found, begins: string, ends: string) => {
    if (folder === builtin) return found.startsWith('I') ? 'Reinstall ClipCap Lens' : 'reinstall ClipCap Lens';
    return isNamed ? found : `${begins} in ${folder}${ends}`;
  });
  return message === error.message ? error : new CaptionError(error.code, message, { cause: error.cause });
}
