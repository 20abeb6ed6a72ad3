/** A list of labels that someone wrote: UTF-8, one a line. */
import { stat, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { CaptionError } from '@clipcap/protocol/error';
import { longestLabel, mostLabels } from '../../pack/encoderManifest.js';

/** They stand in the pack's manifest, which is read whole. */
const maxBytes = 2 ** 17;

/**
 * Without empty lines, spaces around them, and those that are there already.
 * @throws CaptionError `usage` for a file that cannot be read or is no such list
 */
export async function readLabels(path: string): Promise<string[]> {
  const unfit = (what: string, remedy: string, cause?: unknown): CaptionError =>
    new CaptionError('usage', `${basename(path)} ${what}. ${remedy} (${path})`, { cause });
  const status = await stat(path).catch((cause: unknown) => {
    throw unfit('cannot be found', 'Check the path after --labels.', cause);
  });
  if (!status.isFile()) throw unfit('is no file', 'Name a text file with one label a line after --labels.');
  if (status.size > maxBytes) {
    throw unfit(`has ${status.size} bytes, a list of labels at most ${maxBytes}`, 'Shorten it.');
  }
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw unfit('cannot be read', 'Check its permissions.', cause);
  });
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw unfit('is not UTF-8', 'Save it as a text in UTF-8 with one label a line.', cause);
  }
  const lines = text.split(/\r?\n/u).map((line) => line.trim());
  const labels = [...new Set(lines.filter((line) => line !== ''))];
  if (labels.length < 2) {
    throw unfit(`holds ${labels.length === 0 ? 'no labels' : 'one label'}`, 'Write at least two, one a line.');
  }
  if (labels.length > mostLabels) {
    throw unfit(`holds ${labels.length} labels, at most ${mostLabels} are taken`, 'Shorten it.');
  }
  const unusable = labels.find((label) => label.length > longestLabel || /\p{Cc}/u.test(label));
  if (unusable !== undefined) {
    const line = lines.indexOf(unusable) + 1;
    throw unfit(`has in line ${line} what is no label`, `One has at most ${longestLabel} characters and no controls.`);
  }
  return labels;
}
