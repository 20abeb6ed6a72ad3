/** A caption as its tokens, to choose one of them. */
import type { Caption } from '@clipcap/protocol/caption';
import { make } from '../make.js';
import { pointsTo } from '../pointing.js';
import { roveFocus } from '../roving.js';
import type { Drawing } from './view.js';

/** One that is chosen is what the view is of; chosen again, the whole caption (−1) is. */
export function tokenChoice(
  { tokens }: Caption,
  { options, change, readOnly, highlights }: Drawing<{ readonly token: number }>,
): readonly HTMLElement[] {
  const words = tokens.map(({ text }, index) => {
    const chosen = index === options.token;
    const name = { class: chosen ? 'plain-token chosen' : 'plain-token', 'data-control': `word ${index}` };
    const word = make('span', readOnly ? name : { ...name, role: 'button', 'aria-pressed': String(chosen) }, text);
    if (readOnly) return word;
    pointsTo(word, { token: index }, highlights);
    const choose = (): void => {
      change({ token: chosen ? -1 : index });
    };
    word.addEventListener('click', choose);
    word.addEventListener('keydown', ({ key }) => {
      if (key === 'Enter') choose();
    });
    return word;
  });
  if (!readOnly) {
    roveFocus(words, (key, index) =>
      key === 'ArrowRight' ? words[index + 1] : key === 'ArrowLeft' ? words[index - 1] : undefined,
    );
  }
  return words;
}
