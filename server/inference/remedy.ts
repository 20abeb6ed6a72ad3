/** What to do about a broken pack depends on where the pack came from: the one that ships can only come back with us. */
import { CaptionError } from '@clipcap/protocol/error';

const forOtherPacks = /\bimport (?:or download )?the pack again\b/iu;

/** An error of the pack in `folder`, its remedy fit for the built-in pack if it is that one. */
export function withRemedy(error: unknown, folder: string, builtin: string): unknown {
  if (folder !== builtin || !(error instanceof CaptionError)) return error;
  const message = error.message.replace(forOtherPacks, (found) =>
    found.startsWith('I') ? 'Reinstall ClipCap Lens' : 'reinstall ClipCap Lens',
  );
  return new CaptionError(error.code, message, { cause: error.cause });
}
