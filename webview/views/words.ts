/** A caption against another one, word by word: what went is struck out, what came is underlined. */
import type { WordChange } from '@clipcap/protocol/lens';
import { make } from '../make.js';

const names = { same: 'span', removed: 'del', added: 'ins' } as const;

export function drawWords(changes: readonly WordChange[]): HTMLElement {
  const parts = changes.flatMap(({ kind, words }) => [make(names[kind], {}, words), ' ']);
  return make('span', { class: 'diff' }, ...parts.slice(0, -1));
}

/** The changes as one line of text. */
export function writeWords(changes: readonly WordChange[]): string {
  const marks = { same: '', removed: '−', added: '+' } as const;
  return changes.map(({ kind, words }) => `${marks[kind]}${words}`).join(' ');
}
