/** What an import decided and found, for people. */
import type { Finding, ImportDocument } from '@clipcap/protocol/import';
import { plain } from '../plain.js';

const origins: Readonly<Record<Finding['from'], string>> = {
  shapes: '',
  config: ' (its configuration)',
  told: ' (as you said)',
  assumed: ' (assumed)',
};

export function describeImport({
  pack,
  findings,
  leftBehind,
  check,
  warning,
  referencePhotos = 0,
}: ImportDocument): string {
  const lines = [
    `${plain(pack.title)}: ${pack.encoder}, ${pack.mapper}, ${pack.dtype}`,
    ...(pack.folder === undefined
      ? ['Nothing was written: --dry-run.']
      : [`Pack ${plain(pack.folder)}, ${Math.round((pack.size ?? 0) / 1e6)} MB`]),
    '',
  ];
  for (const { what, value, from, flag } of findings) {
    const remedy = from === 'assumed' && flag !== undefined ? `; say otherwise with ${flag}` : '';
    lines.push(`  ${what}: ${plain(value)}${origins[from]}${remedy}`);
  }
  if (leftBehind > 0) lines.push(`  left behind: ${leftBehind} tensors that captions do not need`);
  if (pack.folder !== undefined) {
    lines.push(
      referencePhotos > 0
        ? `  statistics: prefixes of ${referencePhotos} photos`
        : '  statistics: norms of the vocabulary only; --reference FOLDER measures prefixes too',
    );
  }
  if (check) {
    const changes = `${(100 * check.prefixDifference).toPrecision(2)} %`;
    lines.push('', `Self-check: all values are numbers; from one image to another the prefix changes by ${changes}.`);
    if (warning !== undefined) lines.push(`  Warning: ${warning}`);
    lines.push(
      check.caption === undefined
        ? `  of a generated picture a caption would begin with: ${plain(check.next.trim())}`
        : `  caption: ${plain(check.caption)}`,
    );
    lines.push(
      `  nearest words: ${check.nearest
        .slice(0, 10)
        .map((word) => plain(word.trim()))
        .join(' · ')}`,
    );
  }
  return `${lines.join('\n')}\n`;
}
