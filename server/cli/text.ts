/** The command line's words for people: a caption, its score, and the prefix as a table. */
import { styleText } from 'node:util';
import {
  captionWords,
  type Caption,
  type ImageEntry,
  type NearestToken,
  type PrefixPosition,
} from '@clipcap/protocol/caption';
import { plain } from '../plain.js';

interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

const wide = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}]/u;
const graphemes = new Intl.Segmenter();
const indent = '  ';
const gap = '  ';

/** One image's block of lines, as wide as the terminal. Colours only on a terminal, and not with NO_COLOR. */
export function describeEntry(entry: ImageEntry, terminal: Terminal): string {
  const colours = terminal.isTTY === true && !process.env['NO_COLOR'];
  const style = (format: 'bold' | 'dim' | 'red', text: string): string =>
    colours ? styleText(format, text, { validateStream: false }) : text;
  const lines = [style('dim', plain(entry.path))];
  if ('error' in entry) {
    lines.push(indent + style('red', `${entry.error.code}: ${plain(entry.error.message)}`));
  } else {
    for (const caption of entry.captions) lines.push(indent + describeCaption(caption, style));
    const [heading, ...rows] = prefixTable(entry.prefix, terminal.isTTY ? (terminal.columns ?? 80) : Infinity);
    lines.push(indent + style('dim', heading ?? ''), ...rows.map((row) => indent + row));
  }
  return `${lines.join('\n')}\n\n`;
}

function describeCaption(caption: Caption, style: (format: 'bold' | 'dim', text: string) => string): string {
  return style('bold', plain(captionWords(caption))) + gap + style('dim', `score ${caption.score.toFixed(3)}`);
}

/** A heading and a line for each position: its norm and as many of its nearest words as fit into the columns. */
function prefixTable(prefix: readonly PrefixPosition[], columns: number): string[] {
  const heading = ['position', 'norm', 'nearest words (cosine)'];
  const rows = prefix.map(({ position, norm, nearest }) => [String(position), norm.toFixed(2), ...nearest.map(word)]);
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => displayWidth(row[column] ?? ''))));
  for (const column of [0, 1]) widths[column] = Math.max(widths[column] ?? 0, (heading[column] ?? '').length);
  let used = indent.length;
  const fitting = widths.findIndex((width) => (used += width + gap.length) - gap.length > columns);
  const shown = fitting === -1 ? widths.length : Math.max(3, fitting);
  const line = (cells: readonly string[]): string =>
    cells
      .slice(0, shown)
      .map((cell, column) => align(cell, widths[column] ?? 0, column < 2))
      .join(gap)
      .trimEnd();
  return [line(heading), ...rows.map(line)];
}

function word({ text, score }: NearestToken): string {
  const shown = plain(text.trim() === '' ? JSON.stringify(text) : text.trim());
  return `${shown} ${score.toFixed(2)}`;
}

function displayWidth(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += wide.test(segment) ? 2 : 1;
  return width;
}

function align(text: string, width: number, right: boolean): string {
  const padding = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return right ? padding + text : text + padding;
}
