/** The small controls of views. Each has a name by which its focus is found again after a view was drawn anew. */
import { make } from './make.js';

/** A choice among a few values. */
export function choice<Value extends string>(
  label: string,
  values: readonly (readonly [Value, string])[],
  chosen: Value,
  change: (value: Value) => void,
): HTMLElement {
  const list = make('select', { 'data-control': label });
  for (const [value, text] of values) list.append(make('option', { value, selected: value === chosen }, text));
  list.addEventListener('change', () => {
    const found = values[list.selectedIndex];
    if (found) change(found[0]);
  });
  return labelled(label, list);
}

export function tick(label: string, on: boolean, change: (on: boolean) => void): HTMLElement {
  const box = make('input', { type: 'checkbox', checked: on, 'data-control': label });
  box.addEventListener('change', () => {
    change(box.checked);
  });
  return make('label', { class: 'control tick' }, box, make('span', {}, label));
}

/** A whole number in a range; what is outside of it is brought back in. */
export function wholeNumber(
  label: string,
  value: number,
  [low, high]: readonly [number, number],
  change: (value: number) => void,
): HTMLElement {
  const box = make('input', { type: 'number', min: low, max: high, value, 'data-control': label });
  box.addEventListener('change', () => {
    const given = Number.isFinite(box.valueAsNumber) ? Math.round(box.valueAsNumber) : value;
    const next = Math.min(high, Math.max(low, given));
    box.value = String(next);
    if (next !== value) change(next);
  });
  return labelled(label, box);
}

/** A slider; `live` is told while it moves, `change` when it rests. */
export function slider(
  label: string,
  value: number,
  { low, high, step }: { low: number; high: number; step: number },
  change: (value: number) => void,
  live?: (value: number) => void,
): HTMLElement {
  const bar = make('input', { type: 'range', min: low, max: high, step, value, 'data-control': label });
  const shown = make('output', { class: 'quiet' }, String(value));
  bar.addEventListener('input', () => {
    shown.textContent = bar.value;
    live?.(bar.valueAsNumber);
  });
  bar.addEventListener('change', () => {
    change(bar.valueAsNumber);
  });
  const control = labelled(label, bar);
  control.append(shown);
  return control;
}

/** A line of text; Enter or leaving it changes. */
export function line(label: string, value: string, hint: string, change: (value: string) => void): HTMLElement {
  const box = make('input', { type: 'text', value, placeholder: hint, maxlength: 200, 'data-control': label });
  box.addEventListener('change', () => {
    change(box.value.trim());
  });
  return labelled(label, box);
}

export function action(label: string, act: () => void, kind: 'plain' | 'main' = 'plain'): HTMLButtonElement {
  const button = make(
    'button',
    { type: 'button', class: kind === 'main' ? 'main' : 'plain', 'data-control': label },
    label,
  );
  button.addEventListener('click', act);
  return button;
}

function labelled(label: string, control: HTMLElement): HTMLElement {
  return make('label', { class: 'control' }, make('span', {}, label), control);
}
