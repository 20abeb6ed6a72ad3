/** Which words of a caption stayed, went, and came: a longest common subsequence of words (Myers 1986 finds the same). */
import type { WordChange } from '@clipcap/protocol/lens';

/** Words are what spaces separate; neighbouring words of one kind are one change. What went comes before what came. */
export function wordChanges(before: string, after: string): WordChange[] {
  const [a, b] = [wordsOf(before), wordsOf(after)];
  const common = commonLengths(a, b);
  const changes: { kind: WordChange['kind']; words: string }[] = [];
  const add = (kind: WordChange['kind'], word: string): void => {
    const last = changes.at(-1);
    if (last?.kind === kind) last.words += ` ${word}`;
    else changes.push({ kind, words: word });
  };
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      add('same', a[i++]!);
      j++;
    } else if (i < a.length && (j === b.length || common[i + 1]![j]! >= common[i]![j + 1]!)) {
      add('removed', a[i++]!);
    } else {
      add('added', b[j++]!);
    }
  }
  return changes;
}

/** [i][j]: how many words the rests a[i…] and b[j…] have in common, in order. */
function commonLengths(a: readonly string[], b: readonly string[]): number[][] {
  const lengths = Array.from({ length: a.length + 1 }, () => b.map(() => 0).concat(0));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i]![j] = a[i] === b[j] ? lengths[i + 1]![j + 1]! + 1 : Math.max(lengths[i + 1]![j]!, lengths[i]![j + 1]!);
    }
  }
  return lengths;
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/u).filter((word) => word !== '');
}
